"""The scenarios that are crashed everywhere: by name, and histories by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from random import Random

from tests.model.histories import history
from tests.model.messages import (
    AnyMessage,
    Line,
    ListingTold,
    News,
    ProductGone,
    ProductTold,
    ReplayAsked,
    StoreTold,
    SyncAsked,
    UpdateTold,
)
from tests.model.test_stock_page import OPEN, Row, examples, read_message

STORE = StoreTold("s1", 10, imports=True, fba_requires_stock=True, updated=1)
PLENTY = ProductTold("a", enabled=True, managed=True, quantity=9, as_of=1)
NONE = replace(PLENTY, quantity=0)
FIX = replace(PLENTY, as_of=2)
ORDER = News(
    "s1", "o1", "document", "Unshipped", "MFN", 20, 1, lines=(Line("i1", "a", 1),), complete=True
)
SECOND = replace(ORDER, order="o2", purchase=30)
CANCELED = replace(ORDER, status="Canceled", updated=2)
SHIPPED = replace(ORDER, status="Shipped", updated=2)
TWO = (Line("i1", "a", 2),)
ASKED = (Line("i1", "a", 1, asked=True),)
_V0 = replace(ORDER, form="v0", lines=None, complete=False)
_ITEMS = News("s1", "o1", "items", lines=(Line("i1", "a", 2),), complete=True)

_NAMED: Mapping[str, Sequence[AnyMessage]] = {
    "created": [STORE, PLENTY, ORDER],
    "created twice told": [STORE, PLENTY, ORDER, ORDER],
    "before the store": [PLENTY, ORDER, STORE, SyncAsked("s1")],
    "skipped": [STORE, PLENTY, replace(ORDER, purchase=5)],
    "waiting, then ready": [
        STORE,
        PLENTY,
        replace(ORDER, status="Pending"),
        replace(ORDER, updated=2),
    ],
    "blocked, then fixed": [STORE, ORDER, PLENTY],
    "no stock, then stock": [STORE, NONE, ORDER, FIX],
    "disabled, then enabled": [STORE, replace(PLENTY, enabled=False), ORDER, FIX],
    "two for one unit": [STORE, replace(PLENTY, quantity=1), ORDER, SECOND],
    "one canceled frees the other": [STORE, replace(PLENTY, quantity=1), ORDER, SECOND, CANCELED],
    "deleted product": [STORE, NONE, ORDER, ProductGone("a")],
    "listing matched": [
        STORE,
        replace(PLENTY, sku="x"),
        ORDER,
        ListingTold("s1", "a", "x", 1),
    ],
    "canceled before": [STORE, PLENTY, CANCELED, ORDER],
    "canceled after": [STORE, PLENTY, ORDER, CANCELED],
    "partly canceled frees the other": [
        STORE,
        replace(PLENTY, quantity=2),
        replace(ORDER, lines=TWO),
        SECOND,
        replace(ORDER, updated=2),
    ],
    "shipped short": [
        STORE,
        PLENTY,
        replace(ORDER, lines=TWO),
        replace(SHIPPED, total=10, address="x"),
    ],
    "more than before": [
        STORE,
        replace(PLENTY, quantity=2),
        ORDER,
        replace(ORDER, lines=TWO, updated=2),
        SECOND,
    ],
    "the buyer asks to cancel": [
        STORE,
        PLENTY,
        ORDER,
        replace(ORDER, form="notification", lines=ASKED, complete=False, updated=2),
        replace(ORDER, lines=ASKED, updated=3),
        replace(ORDER, asked=False, updated=4),
    ],
    "shipped by Amazon": [STORE, PLENTY, replace(ORDER, channel="AFN", status="Shipped")],
    "Commerce ships": [STORE, PLENTY, ORDER, UpdateTold("s1", "o1", "shipped", 5), SHIPPED],
    "shipped, then the sync": [
        STORE,
        PLENTY,
        ORDER,
        UpdateTold("s1", "o1", "shipped", 5),
        SyncAsked("s1"),
    ],
    "Commerce cancels": [STORE, PLENTY, ORDER, UpdateTold("s1", "o1", "canceled", 5)],
    "lines later": [STORE, PLENTY, _V0, _ITEMS],
    "lines first": [STORE, PLENTY, _ITEMS, _V0],
    "replayed": [STORE, NONE, ORDER, ReplayAsked("s1", "o1"), FIX, ReplayAsked("s1", "o1")],
    "import switched off and on": [
        STORE,
        NONE,
        ORDER,
        replace(STORE, imports=False, updated=2),
        replace(STORE, updated=3),
        FIX,
    ],
    "nobody's order": [STORE, UpdateTold("s1", "o9", "shipped", 1), PLENTY, ORDER],
}
HISTORIES = 12


@cache
def scenarios() -> Mapping[str, Sequence[AnyMessage]]:
    """Give all: the named ones, the tables of docs/stock.md, and short histories at random."""
    found = dict(_NAMED)
    for example in examples():
        rows: list[Row] = example.values[0]  # type: ignore[assignment]
        orders = dict[str, News]()
        found[f"stock.md {example.id}"] = [
            OPEN,
            *(read_message(row.message, orders) for row in rows),
        ]
    for seed in range(HISTORIES):
        found[f"history {seed}"] = history(Random(seed), (3, 9))
    return found
