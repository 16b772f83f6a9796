"""`stores`, `products` and `listings` documents."""

from models.reference_data import Listing, OrderNumberSource, Product, StockedProduct, Store
from models.skus import normalized_sku
from storage.documents.values import Document, present


def store_to_document(store: Store) -> Document:
    """Return the fields of a store without `_id`."""
    return present(**vars(store))


def store_from_document(document: Document) -> Store:
    """Return a stored store."""
    source = OrderNumberSource(document["order_number_source"])
    return Store.model_construct(**(document | {"order_number_source": source}))


def product_to_document(product: Product) -> Document:
    """Return the fields of a product that Commerce sent, without `_id`."""
    fields = present(**vars(product)) | {"normalized_sku": normalized_sku(product.sku)}
    del fields["sku"]
    return fields | {"deleted": False}


def product_from_document(document: Document) -> StockedProduct:
    """Return a stored product, with its reserved units."""
    fields: Document = {"name": None, **document, "sku": document["_id"]}
    return StockedProduct(Product.model_construct(**fields), document.get("reserved", 0))


def listing_to_document(listing: Listing) -> Document:
    """Return the fields of a listing without `_id`."""
    return dict(listing)


def listing_from_document(document: Document) -> Listing:
    """Return a stored listing."""
    return Listing.model_construct(**document)
