"""Every table of docs/stock.md is played, and every number in it compared."""

import re
from collections.abc import Iterator
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
    if found := re.fullmatch(r"count (\d+) at (.+) in (\w+)", message):
        return StockTold(found[3], "P", int(found[1]), _minutes(found[2]))
    if found := re.fullmatch(r"(\w+) is forgotten", message):
        return StockGone(found[1], "P")
    if found := re.fullmatch(r"the second store sells from (\w+)", message):
        return replace(SECOND, stock=found[1], updated=2)
    if found := re.fullmatch(r"count (\d+) at (.+)", message):
        return ProductTold("P", True, True, int(found[1]), _minutes(found[2]))
    if found := re.fullmatch(r"a (pack|set) is (\d+)( and 1 of Q)?", message):
        parts = (("P", int(found[2])), *([("Q", 1)] if found[3] else []))
        return ListingTold("s", found[1], parts, int(found[2]))
    if found := re.fullmatch(r"Q is counted as (\d+) at (.+)", message):
        return ProductTold("Q", True, True, int(found[1]), _minutes(found[2]))
    if found := re.fullmatch(r"(\w) needs (\d+)(?: (pack|set)s?)?( from Amazon)?", message):
        name, lines = found[1], (Line("1", found[3] or "P", int(found[2])),)
        status, channel = ("Shipped", "AFN") if found[4] else ("Unshipped", "MFN")
        bought = len(orders) + 1
        orders[name] = News(store, name, "document", status, channel, bought, 1, None, lines, True)
        return orders[name]
    if found := re.fullmatch(r"(\w) needs (\d+) now", message):
        known = orders[found[1]]
        lines = tuple(line._replace(quantity=int(found[2])) for line in known.lines or ())
        orders[found[1]] = replace(known, updated=(known.updated or 0) + 1, lines=lines)
        return orders[found[1]]
    if found := re.fullmatch(r"Commerce (has|ships) (\w) at (.+)", message):
        status = {"has": "processing", "ships": "shipped"}[found[1]]
        return UpdateTold(store, found[2], status, _minutes(found[3]))
    if found := re.fullmatch(r"Amazon says (\w) is shipped", message):
        return replace(orders[found[1]], status="Shipped", updated=98)
    if found := re.fullmatch(r"Commerce counts orders from (\w+)", message):
        return replace(OPEN, counts=found[1], updated=2)
    if message == "the store reserves for pending orders":
        return replace(OPEN, reserves=True, updated=2)
    if found := re.fullmatch(r"(\w) needs (\d+), pending", message):
        read_message(f"{found[1]} needs {found[2]}", orders)
        orders[found[1]] = replace(orders[found[1]], status="Pending")
        return orders[found[1]]
    if found := re.fullmatch(r"(\w) is paid", message):
        known = orders[found[1]]
        return replace(known, status="Unshipped", updated=(known.updated or 0) + 1)
    if found := re.fullmatch(r"(\w) is canceled", message):
        return replace(orders[found[1]], status="Canceled", updated=99)
    if message == "deleted":
        return ProductGone("P")
    assert message == "FBA needs no stock"
    return replace(OPEN, fba_requires_stock=False, updated=2)


def _minutes(clock: str) -> int:
    """Read a time of day; the next day is one after all is decided."""
    time, _, later = clock.partition(" ")
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes) + (AFTER_ALL if later else 0)
