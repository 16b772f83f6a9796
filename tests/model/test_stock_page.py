"""Every table of docs/stock.md is played, and every number in it compared."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet

from models.reference_data import StockedProduct
from tests.builders import a_product
from tests.model.histories import AFTER_ALL
from tests.model.messages import (
    AnyMessage,
    Line,
    ListingTold,
    News,
    ProductGone,
    ProductTold,
    StockGone,
    StockTold,
    StoreTold,
    UpdateTold,
)
from tests.model.reference_model import Model
from tests.simulation.clock import run
from tests.simulation.workers import Workers
from tests.simulation.world import World

PAGE = Path(__file__).parents[2] / "docs" / "stock.md"
OPEN = StoreTold("s", 0, imports=True, fba_requires_stock=True, updated=1)
NOTHING = StockedProduct(a_product(sku="P"), 0)
SECOND = replace(OPEN, store="s2")


class Row(NamedTuple):
    message: str
    told: float
    reserved: int
    available: float
    orders: str


def examples() -> Iterator[ParameterSet]:
    """Give each table with the heading above it."""
    heading, number = "", count(1)
    rows: list[Row] = []
    for line in [*PAGE.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        if line.startswith("| ") and not line.startswith("| message"):
            message, told, reserved, available, orders = (
                cell.strip() for cell in line.strip("|").split("|")
            )
            rows.append(Row(message, float(told), int(reserved), float(available), orders))
        elif rows and not line:
            yield pytest.param(rows, id=f"{next(number)} {heading}")
            rows = []


@pytest.mark.parametrize("rows", list(examples()))
def test_rule_10_the_page_on_stock_tells_the_truth(rows: list[Row]) -> None:
    assert run(_play(rows)) == (None, [])


async def _play(rows: list[Row]) -> None:
    world, model, orders = World(), Model(), dict[str, News]()
    workers = Workers(world)
    played: list[Row | StoreTold] = [OPEN, SECOND, *rows]
    for row in played:
        message = read_message(row.message, orders) if isinstance(row, Row) else row
        world.tell(message)
        model.take(message)
        await workers.settle()
        assert world.judge() == model.end(), world.violations
        if not isinstance(row, Row):
            continue
        contents = world.database.contents
        product = contents.stocked("P") if contents.products else NOTHING
        states = ", ".join(
            f"{key.partition('/')[2]} {type(record.outcome).__name__.lower()}"
            for key, record in sorted(contents.orders.items(), key=_name)
        )
        counted = product.salable_quantity
        assert Row(row.message, counted, product.reserved, product.available, states) == row
    await workers.end()


def _name(order: tuple[str, object]) -> str:
    return order[0].partition("/")[2]


def read_message(text: str, orders: dict[str, News]) -> AnyMessage:
    """Make a message of a row's first cell. Orders are purchased in the order they come."""
    message = text.removesuffix(" in the second store")
    store = "s" if message == text else "s2"
    for pattern, read in _MESSAGES.items():
        if found := re.fullmatch(pattern, message):
            return read(store, orders, *found.groups())
    raise AssertionError(f"{text}: not known here")


def _bought(
    store: str, orders: dict[str, News], name: str, units: str, what: str | None, how: str | None
) -> News:
    status, channel = _HOW[how]
    lines, number = (Line("1", what or "P", int(units)),), len(orders) + 1
    orders[name] = News(store, name, "document", status, channel, number, 1, None, lines, True)
    return orders[name]


def _changed(orders: dict[str, News], name: str, units: str) -> News:
    known = orders[name]
    lines = tuple(line._replace(quantity=int(units)) for line in known.lines or ())
    orders[name] = replace(known, updated=(known.updated or 0) + 1, lines=lines)
    return orders[name]


def _told_later(orders: dict[str, News], name: str, status: str, updated: int) -> News:
    return replace(orders[name], status=status, updated=updated)


def _listed(_store: str, _orders: object, name: str, units: str, other: str | None) -> ListingTold:
    parts = (("P", int(units)), *([("Q", 1)] if other else []))
    return ListingTold("s", name, parts, int(units))


_HOW = {
    None: ("Unshipped", "MFN"),
    " from Amazon": ("Shipped", "AFN"),
    ", pending": ("Pending", "MFN"),
}
"""Status and channel of an order that comes."""
_UPDATES = {"has": "processing", "ships": "shipped"}

_MESSAGES: dict[str, Callable[..., AnyMessage]] = {
    r"count (\d+) at (.+) in (\w+)": lambda _store, _orders, units, at, stock: StockTold(
        stock, "P", int(units), _minutes(at)
    ),
    r"count (\d+) at (.+)": lambda _store, _orders, units, at: ProductTold(
        "P", True, True, int(units), _minutes(at)
    ),
    r"Q is counted as (\d+) at (.+)": lambda _store, _orders, units, at: ProductTold(
        "Q", True, True, int(units), _minutes(at)
    ),
    r"deleted": lambda _store, _orders: ProductGone("P"),
    r"(\w+) is forgotten": lambda _store, _orders, stock: StockGone(stock, "P"),
    r"a (pack|set) is (\d+)( and 1 of Q)?": _listed,
    r"the second store sells from (\w+)": lambda _store, _orders, stock: replace(
        SECOND, stock=stock, updated=2
    ),
    r"FBA needs no stock": lambda _store, _orders: replace(
        OPEN, fba_requires_stock=False, updated=2
    ),
    r"Commerce counts orders from (\w+)": lambda _store, _orders, counts: replace(
        OPEN, counts=counts, updated=2
    ),
    r"the store reserves for pending orders": lambda _store, _orders: replace(
        OPEN, reserves=True, updated=2
    ),
    r"(\w) needs (\d+)(?: (pack|set)s?)?( from Amazon|, pending)?": _bought,
    r"(\w) needs (\d+) now": lambda _store, orders, *change: _changed(orders, *change),
    r"(\w) is paid": lambda _store, orders, name: _told_later(orders, name, "Unshipped", 97),
    r"Amazon says (\w) is shipped": lambda _store, orders, name: _told_later(
        orders, name, "Shipped", 98
    ),
    r"(\w) is canceled": lambda _store, orders, name: _told_later(orders, name, "Canceled", 99),
    r"Commerce (has|ships) (\w) at (.+)": lambda store, _orders, what, name, at: UpdateTold(
        store, name, _UPDATES[what], _minutes(at)
    ),
}
"""What a row may say, and how it is told."""


def _minutes(clock: str) -> int:
    """Read a time of day; the next day is one after all is decided."""
    time, _, later = clock.partition(" ")
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes) + (AFTER_ALL if later else 0)
