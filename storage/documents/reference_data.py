"""`stores`, `products` and `listings` documents."""

from models.reference_data import Listing, OrderNumberSource, Product, StockedProduct, Store
from models.skus import normalized_sku
from storage.documents.values import Document, present


def store_to_document(store: Store) -> Document:
    """Give the fields of a store but its `_id`."""
    return present(**vars(store))


def store_from_document(document: Document) -> Store:
    """Give the store a document holds."""
    source = OrderNumberSource(document["order_number_source"])
    return Store.model_construct(**(document | {"order_number_source": source}))


def product_to_document(product: Product) -> Document:
    """Give the told fields of a product but its `_id`."""
    told = present(**vars(product)) | {"normalized_sku": normalized_sku(product.sku)}
    del told["sku"]
    return told | {"deleted": False}


def product_from_document(document: Document) -> StockedProduct:
    """Give the product a document holds, with what is held of it."""
    told: Document = {"name": None, **document, "sku": document["_id"]}
    return StockedProduct(Product.model_construct(**told), document.get("reserved", 0))


def listing_to_document(listing: Listing) -> Document:
    """Give the fields of a listing but its `_id`."""
    return dict(listing)


def listing_from_document(document: Document) -> Listing:
    """Give the listing a document holds."""
    return Listing.model_construct(**document)
