"""The keys of messages: what the contract's topic table asks for, found in the document."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from handlers.payloads.json_text import looks_like_object, parse_json
from models import keys
from models.topics import TopicName
from order_import.cli.documents import Document
from order_import.cli.errors import CommandRefused


class Kind(StrEnum):
    """What can be sent."""

    ORDERS = "orders"
    PRODUCTS = "products"
    LISTINGS = "listings"
    STORES = "stores"
    ORDER_UPDATES = "order-updates"


TOPICS: Mapping[Kind, TopicName] = {
    Kind.ORDERS: TopicName.ORDERS,
    Kind.PRODUCTS: TopicName.PRODUCTS,
    Kind.LISTINGS: TopicName.LISTINGS,
    Kind.STORES: TopicName.STORES,
    Kind.ORDER_UPDATES: TopicName.ORDER_UPDATES,
}

DELETABLE = frozenset({Kind.PRODUCTS, Kind.LISTINGS})
"""What a null value deletes."""

_ORDER_ID_NAMES = ("amazon_order_id", "AmazonOrderId", "amazonOrderId", "orderId")
_DEEPEST = 8
"""An ORDER_CHANGE has its order id on the third level, and the envelopes of AWS are around it."""


def order_id_in(body: Any) -> str | None:
    """Find the Amazon order id of a document, of whatever format; None for a page of orders.

    The outermost wins. Lists are not looked into: what is listed is not the order itself.
    """
    level = [body]
    for _ in range(_DEEPEST):
        objects = [one for one in map(_decoded, level) if isinstance(one, dict)]
        for one in objects:
            for name in _ORDER_ID_NAMES:
                if isinstance(one.get(name), str) and one[name]:
                    return str(one[name])
        level = [value for one in objects for value in one.values()]
    return None


def _decoded(value: Any) -> Any:
    """Return what a text that is JSON once more holds, as AWS puts notifications into envelopes."""
    try:
        return parse_json(value) if isinstance(value, str) and looks_like_object(value) else value
    except ValueError:
        return None


def key_of(kind: Kind, document: Document) -> str | None:
    """Give the key a document is published under.

    Raises:
        CommandRefused: A fact does not have what its key is made of.
    """
    if kind is Kind.ORDERS:
        return order_id_in(document.body)
    return _FACT_KEYS[kind](document)


def _text(document: Document, name: str) -> str | None:
    body = document.body
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value else None


def _needed(document: Document, name: str) -> str:
    value = _text(document, name)
    if value is None:
        raise CommandRefused(f"{document.where}: {name}: expected a string")
    return value


def _listing_key(document: Document) -> str:
    return keys.listing_key(_needed(document, "store_id"), _needed(document, "seller_sku"))


def _update_key(document: Document) -> str:
    told = _text(document, "commerce_order_id")
    if told is not None:
        return told
    store_id, order_id = _text(document, "store_id"), _text(document, "amazon_order_id")
    if store_id is None or order_id is None:
        raise CommandRefused(
            f"{document.where}: expected commerce_order_id, or store_id and amazon_order_id"
        )
    return keys.commerce_order_id(keys.order_key(store_id, order_id))


_FACT_KEYS: Mapping[Kind, Callable[[Document], str]] = {
    Kind.PRODUCTS: lambda document: _needed(document, "sku"),
    Kind.STORES: lambda document: _needed(document, "store_id"),
    Kind.LISTINGS: _listing_key,
    Kind.ORDER_UPDATES: _update_key,
}
