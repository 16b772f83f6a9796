"""Keys and derived ids: the same input always gives the same id."""

from datetime import datetime
from uuid import UUID, uuid5

DEFAULT_STOCK = "default"
"""The stock of every store that names no other, and of an unknown store (rule 23)."""
_NAMESPACE = UUID("5b0c2a5e-6f0b-5d53-9d0e-0c8f3a1f7d11")


def order_key(store_id: str, amazon_order_id: str) -> str:
    """Return `store/order`."""
    return f"{store_id}/{amazon_order_id}"


def listing_key(store_id: str, seller_sku: str) -> str:
    """Return `store/seller SKU`."""
    return f"{store_id}/{seller_sku}"


def stock_item_key(stock_id: str, sku: str) -> str:
    """Return `stock/SKU`."""
    return f"{stock_id}/{sku}"


def commerce_order_id(key: str) -> str:
    """Return the Commerce order id of `store/order` (rule 18: only one, forever)."""
    return str(uuid5(_NAMESPACE, f"commerce-order:{key}"))


def event_id(key: str, event_type: str, sequence: int | None) -> str:
    """Return an event's id. `sequence` is None for an event that happens at most once."""
    return str(uuid5(_NAMESPACE, f"{event_type}:{key}:{'' if sequence is None else sequence}"))


def depends_on_store(store_id: str) -> str:
    """Return the key of a store's settings, for orders that depend on them."""
    return f"store:{store_id}"


def depends_on_product(sku: str) -> str:
    """Return the key of a catalog product, for orders that depend on it."""
    return f"product:{sku}"


def depends_on_stock(stock_id: str, sku: str) -> str:
    """Return the key of a product's units in a stock, for orders that depend on them.

    In the stock `default`, it is the key of the product, which usually brings the quantity.
    """
    if stock_id == DEFAULT_STOCK:
        return depends_on_product(sku)
    return f"stock:{stock_item_key(stock_id, sku)}"


def depends_on_listing(listing: str) -> str:
    """Return the key of a listing, given as `store/seller SKU`, for orders that depend on it."""
    return f"listing:{listing}"


def replay_id(started_at: str, who: str, criteria: str) -> str:
    """Return the id of a replay: its time, readable, and a hash that keeps two at a time apart."""
    return f"{started_at}-{uuid5(_NAMESPACE, f'replay:{started_at}:{who}:{criteria}').hex[:8]}"


def notification_id(installation: str, version: int, number: int, at: datetime) -> str:
    """Return the id of a notification: when, in which change of the ledger, and which one of it."""
    name = f"notification:{installation}:{at.isoformat()}:{version}:{number}"
    return str(uuid5(_NAMESPACE, name))
