"""The workload: seeded orders, products and stores, of which nine in ten become Commerce orders."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

STORES = 8
PRODUCTS = 5000
SKIPPED_SHARE = 0.02
_PLENTY = 10_000_000
_FIRST_PURCHASE = datetime.fromisoformat("2026-11-02T10:00:00+00:00")
HOT_PRODUCTS = range(1, 21)
"""The products of half of all lines if stock is contended. None of them is disabled."""


class Record(NamedTuple):
    """A message to publish."""

    key: bytes
    value: bytes


def stores(*, stocks: int = 1) -> Iterator[Record]:
    """Yield the stores, which sell from so many stocks in turn."""
    for number in range(STORES):
        stock = {"stock_id": f"stock-{number % stocks}"} if number % stocks else {}
        yield _record(
            f"store-{number}",
            {
                "store_id": f"store-{number}",
                "name": f"Store {number}",
                "marketplace_id": f"MARKET{number}",
                "integrated_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
                **stock,
            },
        )


def hot_demand(count: int, share: float) -> int:
    """Return a share of the units of each hot product that so many orders need."""
    lines, units = 2.5, 2  # of an order, and of a line, on average
    return round(count * lines / 2 / len(HOT_PRODUCTS) * units * share)


def products(hot_quantity: int = _PLENTY, *, count: int = PRODUCTS) -> Iterator[Record]:
    """Yield the products; some are disabled, so that about 8 % of the orders are blocked.

    Args:
        hot_quantity: The salable quantity of each of `HOT_PRODUCTS`.
        count: How many products.
    """
    for number in range(count):
        yield _record(
            f"SKU-{number}",
            {
                "sku": f"SKU-{number}",
                "name": f"Product {number}",
                "enabled": number % 30 != 0,
                "salable_quantity": hot_quantity if number in HOT_PRODUCTS else _PLENTY,
                "as_of": "2026-11-01T00:00:00Z",
            },
        )


def orders(count: int, seed: int = 1, *, start: int = 0, hot: bool = False) -> Iterator[Record]:
    """Yield orders of one to four lines; 2 % were purchased before their store was integrated.

    One is purchased each second.

    Args:
        count: How many.
        seed: The seed of the random choices.
        start: The number of the first one; the ids contain the numbers.
        hot: Whether half of all lines are of `HOT_PRODUCTS`.
    """
    source = random.Random(seed)  # noqa: S311 - a workload, not a secret
    for number in range(start, start + count):
        name = f"{source.randrange(1000):03d}-{number:07d}-{source.randrange(10**7):07d}"
        lines = [_line(source, position, hot=hot) for position in range(source.randint(1, 4))]
        early = source.random() < SKIPPED_SHARE
        total = 10 * len(lines)
        purchased = _FIRST_PURCHASE + timedelta(seconds=number)
        yield _record(
            name,
            {
                "store_id": f"store-{source.randrange(STORES)}",
                "amazon_order_id": name,
                "status": "Unshipped",
                "fulfillment_channel": "MFN",
                "purchase_date": "2025-12-01T10:00:00Z" if early else purchased.isoformat(),
                "last_update_date": (purchased + timedelta(minutes=5)).isoformat(),
                "latest_ship_date": (purchased + timedelta(days=3)).isoformat(),
                "total": {"amount": f"{total}.00", "currency": "EUR"},
                "buyer": {"name": "Erika Mustermann", "email": "x@marketplace.example"},
                "ship_to": {
                    "name": "Erika Mustermann",
                    "lines": ["Heidestraße 17"],
                    "city": "Köln",
                    "postal_code": "51147",
                    "country": "DE",
                },
                "items": lines,
            },
        )


def stock_items(stock_id: str, hot_quantity: int) -> Iterator[Record]:
    """Yield the quantities of all products in another stock."""
    for number in range(PRODUCTS):
        sku = f"SKU-{number}"
        yield _record(
            sku,
            {
                "stock_id": stock_id,
                "sku": sku,
                "salable_quantity": hot_quantity if number in HOT_PRODUCTS else _PLENTY,
                "as_of": "2026-11-01T00:00:00Z",
            },
        )


def change(record: Record, **fields: object) -> Record:
    """Return the message with some fields changed; a changed `sku` changes the key."""
    value = {**json.loads(record.value), **fields}
    return _record(str(fields.get("sku", record.key.decode())), value)


def _line(source: random.Random, position: int, *, hot: bool) -> dict[str, object]:
    quantity = source.randint(1, 3)
    is_hot = hot and source.random() < 0.5
    sku = source.choice(HOT_PRODUCTS) if is_hot else source.randrange(PRODUCTS)
    return {
        "order_item_id": f"{position}{sku:05d}",
        "seller_sku": f"SKU-{sku}",
        "asin": f"B{sku:09d}",
        "title": f"A product with a title of the usual length, number {sku}",
        "quantity": quantity,
        "price": {"amount": f"{quantity * 10}.00", "currency": "EUR"},
        "tax": {"amount": "1.90", "currency": "EUR"},
    }


def _record(key: str, value: dict[str, object]) -> Record:
    return Record(key.encode(), json.dumps(value, ensure_ascii=False).encode())
