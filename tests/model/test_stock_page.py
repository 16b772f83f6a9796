"""Every table of docs/stock.md is played, and every number in it compared."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet

from tests.model.histories import AFTER_ALL
from tests.model.messages import (
    AnyMessage,
    Line,
    News,
    ProductGone,
    ProductTold,
    StoreTold,
    UpdateTold,
)
from tests.model.reference_model import Model
from tests.simulation.clock import run
from tests.simulation.workers import Workers
from tests.simulation.world import World

PAGE = Path(__file__).parents[2] / "docs" / "stock.md"
OPEN = StoreTold("s", 0, imports=True, fba_requires_stock=True, updated=1)


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
    for row in [None, *rows]:
        message = OPEN if row is None else read_message(row.message, orders)
        world.tell(message)
        model.take(message)
        await workers.settle()
        assert world.judge() == model.end(), world.violations
        if row is None:
            continue
        contents = world.database.contents
        product = contents.products["P"]
        states = ", ".join(
            f"{key.removeprefix('s/')} {type(record.outcome).__name__.lower()}"
            for key, record in sorted(contents.orders.items())
        )
        told = product.product.salable_quantity
        assert Row(row.message, told, product.reserved, product.available, states) == row
    await workers.end()


def read_message(message: str, orders: dict[str, News]) -> AnyMessage:
    """Make a message of a row's first cell. Orders are purchased in the order they come."""
    if found := re.fullmatch(r"count (\d+) at (.+)", message):
        return ProductTold("P", True, True, int(found[1]), _minutes(found[2]))
    if found := re.fullmatch(r"(\w) needs (\d+)( from Amazon)?", message):
        name, lines = found[1], (Line("1", "P", int(found[2])),)
        status, channel = ("Shipped", "AFN") if found[3] else ("Unshipped", "MFN")
        bought = len(orders) + 1
        orders[name] = News("s", name, "document", status, channel, bought, 1, None, lines, True)
        return orders[name]
    if found := re.fullmatch(r"(\w) needs (\d+) now", message):
        known = orders[found[1]]
        lines = (Line("1", "P", int(found[2])),)
        orders[found[1]] = replace(known, updated=(known.updated or 0) + 1, lines=lines)
        return orders[found[1]]
    if found := re.fullmatch(r"Commerce (has|ships) (\w) at (.+)", message):
        status = {"has": "processing", "ships": "shipped"}[found[1]]
        return UpdateTold("s", found[2], status, _minutes(found[3]))
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
