"""`stores`, `products` and `listings` documents."""

from models.facts import Listing, OrderNumberSource, Product, Store
from models.records import StockedProduct
from models.skus import normalized_sku
from storage.values import Document, present


def store_in(store: Store) -> Document:
    """Give the fields of a store but its `_id`."""
    fields = dict(store)
    fields["order_number_source"] = store.order_number_source.value
    return present(**fields)


def store_out(document: Document) -> Store:
    """Give the store a document holds."""
    fields = {name: value for name, value in document.items() if name != "_id"}
    fields["order_number_source"] = OrderNumberSource(fields["order_number_source"])
    return Store.model_construct(**fields)


def product_in(product: Product) -> Document:
    """Give the told fields of a product but its `_id`."""
    return present(
        name=product.name,
        normalized_sku=normalized_sku(product.sku),
        enabled=product.enabled,
        manage_stock=product.manage_stock,
        salable_quantity=product.salable_quantity,
        as_of=product.as_of,
    ) | {"deleted": False}


def product_out(document: Document) -> StockedProduct:
    """Give the product a document holds, with what is held of it."""
    return StockedProduct(
        Product.model_construct(
            sku=document["_id"],
            name=document.get("name"),
            enabled=document["enabled"],
            manage_stock=document["manage_stock"],
            salable_quantity=document["salable_quantity"],
            as_of=document["as_of"],
        ),
        document.get("held", 0),
    )


def listing_in(listing: Listing) -> Document:
    """Give the fields of a listing but its `_id`."""
    return dict(listing)


def listing_out(document: Document) -> Listing:
    """Give the listing a document holds."""
    return Listing.model_construct(
        store_id=document["store_id"],
        seller_sku=document["seller_sku"],
        sku=document["sku"],
        updated_at=document["updated_at"],
    )
