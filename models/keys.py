"""Keys and derived ids: the same input gives the same id, for ever."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("5b0c2a5e-6f0b-5d53-9d0e-0c8f3a1f7d11")


def order_key(store_id: str, amazon_order_id: str) -> str:
    """Give `store/order`."""
    return f"{store_id}/{amazon_order_id}"


def listing_key(store_id: str, seller_sku: str) -> str:
    """Give `store/seller SKU`."""
    return f"{store_id}/{seller_sku}"


def commerce_order_id(key: str) -> str:
    """Give the Commerce order id of `store/order` (rule 18: one for ever)."""
    return str(uuid5(_NAMESPACE, f"commerce-order:{key}"))


def event_id(key: str, event_type: str, sequence: int | None) -> str:
    """Give an event's id. `sequence` is None for an event that happens at most once."""
    return str(uuid5(_NAMESPACE, f"{event_type}:{key}:{'' if sequence is None else sequence}"))


def depends_on_store(store_id: str) -> str:
    """Give the key under which an order waits on a store's settings."""
    return f"store:{store_id}"


def depends_on_product(sku: str) -> str:
    """Give the key under which an order waits on a catalog product."""
    return f"product:{sku}"


def depends_on_listing(listing: str) -> str:
    """Return the key of a listing, given as `store/seller SKU`, in what an order depends on."""
    return f"listing:{listing}"


def replay_id(started_at: str, who: str, asked: str) -> str:
    """Return the id of a replay: its time, readable, and what tells two of one moment apart."""
    return f"{started_at}-{uuid5(_NAMESPACE, f'replay:{started_at}:{who}:{asked}').hex[:8]}"
