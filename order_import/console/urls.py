"""Addresses of the console's pages, and of an order in Commerce and in Seller Central."""

import secrets
import tomllib
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from models.reference_data import Store

_SELLER_CENTRAL = tomllib.loads(
    Path(__file__).with_name("seller_central.toml").read_text(encoding="utf-8")
)
"""Seller Central's host by marketplace id."""


def order(store_id: str, amazon_order_id: str) -> str:
    """Return the page of an Amazon order."""
    return f"/orders/{_part(store_id)}/{_part(amazon_order_id)}"


def order_by_key(key: str) -> str:
    """Return the page of the order with the key `store/order`."""
    store_id, _, amazon_order_id = key.partition("/")
    return order(store_id, amazon_order_id)


def store(store_id: str) -> str:
    """Return a store's dashboard."""
    return f"/stores/{_part(store_id)}"


def commerce(commerce_order_id: str) -> str:
    """Return the page of a Commerce order."""
    return f"/commerce/{_part(commerce_order_id)}"


def dead_letter(dead_letter_id: str) -> str:
    """Return the page of a dead letter."""
    return f"/dead-letters/{_part(dead_letter_id)}"


def replay(replay_id: str) -> str:
    """Return the page of a replay."""
    return f"/replays/{_part(replay_id)}"


def query(path: str, **fields: object) -> str:
    """Return a path with a query string, without the empty fields."""
    params = {name: str(value) for name, value in fields.items() if value not in (None, "")}
    return f"{path}?{urlencode(params)}" if params else path


def in_commerce(store: Store | None, commerce_order_id: str, amazon_order_id: str) -> str | None:
    """Return the address of an order in the store's Commerce; None if the store has no template."""
    template = None if store is None else store.commerce_order_url
    return _filled(template, commerce_order_id=commerce_order_id, amazon_order_id=amazon_order_id)


def in_seller_central(
    store: Store | None, marketplace_id: str | None, amazon_order_id: str
) -> str | None:
    """Return the address of an order in Seller Central, by the store's template or marketplace."""
    if store is not None and store.seller_central_url is not None:
        return _filled(store.seller_central_url, amazon_order_id=amazon_order_id)
    host = _SELLER_CENTRAL.get((store.marketplace_id if store else marketplace_id) or "")
    return None if host is None else f"https://{host}/orders-v3/order/{_part(amazon_order_id)}"


def is_local(path: str) -> bool:
    """Return whether an address stays within this console."""
    if not path.startswith("/") or path.startswith("//"):
        return False
    try:
        parts = urlsplit(path)
    except ValueError:
        return False
    return not parts.netloc and path.isprintable() and "\\" not in path


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(12)


def _part(text: str) -> str:
    return quote(text, safe="")


def _filled(template: str | None, **ids: str) -> str | None:
    """Fill in a store's template; only an http(s) address is accepted."""
    if template is None:
        return None
    filled = template
    for name, value in ids.items():
        filled = filled.replace("{" + name + "}", _part(value))
    try:
        parts = urlsplit(filled)
    except ValueError:
        return None
    return filled if parts.scheme in ("http", "https") and parts.netloc else None
