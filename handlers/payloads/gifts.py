"""Gifts, as Orders API v0 and 2026-01-01 write them: what the buyer chose for a line.

An order is worth more than a text to its recipient: what is no text is not read.
"""

from collections.abc import Iterator
from typing import Any, Final

from models.amazon_order import TEXT_LENGTH, Gift

_BUYER_INFO: Final = "BuyerInfo"
_V0_NAMES: Final = frozenset({_BUYER_INFO, "GiftMessageText", "GiftWrapLevel"})
"""The names in an item of v0 that a gift may be in."""


def read_v0_gifts(items: object) -> tuple[Gift, ...]:
    """Return the gifts among the items of v0, which `getOrderItemsBuyerInfo` has without a block.

    `items` is not yet validated.
    """
    return tuple(_v0_gifts(items)) if isinstance(items, list) else ()


def _v0_gifts(items: list[Any]) -> Iterator[Gift]:
    for item in items:
        if isinstance(item, dict) and not _V0_NAMES.isdisjoint(item):
            chosen = item.get(_BUYER_INFO) or item
            yield from _gift(item.get("OrderItemId"), chosen, "GiftMessageText", "GiftWrapLevel")


def read_2026_gifts(items: object) -> tuple[Gift, ...]:
    """Return the gifts among the items of 2026-01-01. `items` is not yet validated."""
    return tuple(_2026_gifts(items)) if isinstance(items, list) else ()


def _2026_gifts(items: list[Any]) -> Iterator[Gift]:
    for item in items:
        chosen = item
        for name in ("fulfillment", "packing", "giftOption"):
            chosen = chosen.get(name) if isinstance(chosen, dict) else None
        if chosen:
            yield from _gift(item.get("orderItemId"), chosen, "giftMessage", "giftWrapLevel")


def _gift(order_item_id: object, chosen: object, message: str, wrapping: str) -> Iterator[Gift]:
    if isinstance(order_item_id, str) and isinstance(chosen, dict):
        texts = _text(chosen.get(message)), _text(chosen.get(wrapping))
        if any(texts):
            yield Gift.model_construct(
                order_item_id=order_item_id, message=texts[0], wrapping=texts[1]
            )


def _text(value: object) -> str | None:
    return value[:TEXT_LENGTH] if isinstance(value, str) and value.strip() else None
