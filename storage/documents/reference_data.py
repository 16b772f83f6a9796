"""`stores`, `products`, `stock_items` and `listings` documents."""

from collections.abc import Sequence

from models.reference_data import (
    Component,
    CountsOrdersFrom,
    Listing,
    OrderNumberSource,
    Product,
    StockedProduct,
    StockItem,
    Store,
)
from models.skus import normalized_sku
from storage.documents.values import Document, present


def store_to_document(store: Store) -> Document:
    """Return the fields of a store without `_id`."""
    return present(**vars(store))


def store_from_document(document: Document) -> Store:
    """Return a stored store."""
    source = OrderNumberSource(document["order_number_source"])
    counts_from = CountsOrdersFrom(document["commerce_counts_orders_from"])
    enumerations = {"order_number_source": source, "commerce_counts_orders_from": counts_from}
    return Store.model_construct(**(document | enumerations))


def product_to_document(product: Product) -> Document:
    """Return the fields of a product that Commerce sent, without `_id`."""
    fields = present(**vars(product)) | {"normalized_sku": normalized_sku(product.sku)}
    del fields["sku"]
    fields.pop("salable_quantity", None)  # it is in `stock_items`
    return fields | {"disabled_for": product.disabled_for, "deleted": False}


def product_from_document(document: Document) -> Product:
    """Return a stored product, without its quantity."""
    disabled_for = tuple(document["disabled_for"])
    fields = {**document, "sku": document["_id"], "disabled_for": disabled_for}
    return Product.model_construct(**fields)


def stock_item_to_document(item: StockItem) -> Document:
    """Return the fields of a stock item that Commerce sent, without `_id`."""
    return {**vars(item), "deleted": False}


def stock_item_from_document(document: Document) -> StockItem:
    """Return a stored stock item."""
    return StockItem.model_construct(**document)


def stocked_product(product: Product, item: Document | None) -> StockedProduct:
    """Return a product in one stock, with the document of its stock item, if there is one.

    A document without a count has reserved units alone. A deleted one has no count any more.
    """
    if item is None:
        return StockedProduct(product, 0)
    quantity = 0.0 if item.get("deleted", True) else item["salable_quantity"]
    return StockedProduct(product, item.get("reserved", 0), quantity, item.get("as_of"))


def listing_to_document(listing: Listing) -> Document:
    """Return the fields of a listing without `_id`."""
    components = listing.components
    return {
        **dict(listing),
        "components": components and [dict(component) for component in components],
    }


def listing_from_document(document: Document) -> Listing:
    """Return a stored listing."""
    components = document["components"]
    if components is not None:
        document = {**document, "components": components_from_document(components)}
    return Listing.model_construct(**document)


def components_from_document(documents: Sequence[Document]) -> tuple[Component, ...]:
    """Return stored components."""
    return tuple(Component.model_construct(**document) for document in documents)
