"""The import policy: its questions, and the order in which they are asked."""

from itertools import combinations, product
from typing import Any

import pytest

from handlers.rules.import_policy import apply_import_policy, missing_details
from models.amazon_order import (
    AmazonStatus,
    Clocks,
    Completeness,
    FulfillmentChannel,
    LineClock,
    SalesChannel,
)
from models.outcome import Admitted, Skipped, Waiting
from models.reasons import SkipReason, WaitingReason
from models.reference_data import Store
from tests.builders import INTEGRATED, NOW, a_store, an_item, an_order, later

READY = {
    FulfillmentChannel.MFN: {"Unshipped", "PartiallyShipped", "Shipped"},
    FulfillmentChannel.AFN: {"Shipped"},
}

QUESTIONS: dict[Any, dict[str, Any]] = {
    Waiting(WaitingReason.STORE_UNKNOWN): {"store": None},
    Skipped(SkipReason.CANCELED): {"status": AmazonStatus.CANCELED},
    Skipped(SkipReason.NOT_SOLD_ON_AMAZON): {"sales_channel": SalesChannel.NON_AMAZON},
    Waiting(WaitingReason.PURCHASE_DATE_UNKNOWN): {"purchase_date": None},
    Skipped(SkipReason.BEFORE_INTEGRATION): {"integrated_at": later(1)},
    Waiting(WaitingReason.STATUS_NOT_IMPORTABLE): {"status": AmazonStatus.PENDING},
    Waiting(WaitingReason.DETAILS_PENDING): {"items_complete": False},
    Skipped(SkipReason.NOTHING_TO_IMPORT): {"items": ()},
    Skipped(SkipReason.IMPORT_DISABLED): {"import_amazon_orders": False},
}
"""Each answer, and what alone makes it; in the order in which the policy asks."""


def ask(fields: dict[str, Any]) -> Any:
    of_store = {name: fields[name] for name in fields if name in Store.model_fields}
    of_order = {name: fields[name] for name in fields if name not in {*of_store, "store"}}
    store = None if "store" in fields else a_store(**of_store)
    return apply_import_policy(an_order(**of_order), store)


@pytest.mark.parametrize(("answer", "fields"), QUESTIONS.items(), ids=repr)
def test_each_question_has_its_answer(answer: Any, fields: dict[str, Any]) -> None:
    assert ask(fields) == answer


@pytest.mark.parametrize(("first", "second"), list(combinations(QUESTIONS, 2)), ids=repr)
def test_of_two_that_apply_the_first_in_the_fixed_order_is_the_answer(
    first: Any, second: Any
) -> None:
    both = QUESTIONS[second] | QUESTIONS[first]  # where they speak of one field, the first does
    assert ask(both) == first


def test_everything_that_applies_at_once_is_answered_in_the_fixed_order() -> None:
    left = list(QUESTIONS)
    while left:
        fields: dict[str, Any] = {}
        for answer in reversed(left):
            fields |= QUESTIONS[answer]
        assert ask(fields) == left.pop(0)
    assert ask({}) == Admitted()


@pytest.mark.parametrize(
    ("channel", "status"), list(product([*FulfillmentChannel, None], [*AmazonStatus, None]))
)
def test_the_table_of_channels_and_statuses(
    channel: FulfillmentChannel | None, status: AmazonStatus | None
) -> None:
    answer = apply_import_policy(an_order(fulfillment_channel=channel, status=status), a_store())
    possible = set().union(*READY.values()) if channel is None else READY[channel]
    expected: Any = Waiting(WaitingReason.STATUS_NOT_IMPORTABLE)
    if status is AmazonStatus.CANCELED:
        expected = Skipped(SkipReason.CANCELED)
    elif status is None or (channel is None and status in possible):
        expected = Waiting(WaitingReason.DETAILS_PENDING)
    elif status in possible:
        expected = Admitted()
    assert answer == expected


@pytest.mark.parametrize(
    ("told", "expected", "answer"),
    [
        (2, 3, Waiting(WaitingReason.DETAILS_PENDING)),
        (3, 3, Admitted()),
        (4, 3, Admitted()),
        (2, None, Admitted()),
    ],
)
def test_one_page_of_the_items_is_not_all_of_them_where_amazon_counts_the_pieces(
    told: int, expected: int | None, answer: Any
) -> None:
    order = an_order(items=(an_item(quantity=told),), items_expected=expected)
    assert apply_import_policy(order, a_store()) == answer


PENDING = LineClock(NOW, NOW, NOW, Completeness.PROVISIONAL)
UNPRICED = (an_item(price=None),)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({}, []),
        ({"status": None}, ["status"]),
        ({"fulfillment_channel": None}, ["channel"]),
        ({"items_complete": False}, ["lines"]),
        ({"items": UNPRICED}, []),
        (
            {"items": UNPRICED, "clocks": Clocks(lines={"item-1": PENDING})},
            ["prices-after-pending"],
        ),
        (
            {"status": None, "fulfillment_channel": None, "items_complete": False},
            ["status", "channel", "lines"],
        ),
    ],
    ids=str,
)
def test_rule_5_an_order_that_waits_says_for_which_details(
    fields: dict[str, Any], missing: list[str]
) -> None:
    assert list(missing_details(an_order(**fields))) == missing


@pytest.mark.parametrize(
    "items", [(), (an_item(quantity=0),), (an_item(quantity=0), an_item(quantity=0))]
)
def test_no_line_with_a_piece_is_nothing_to_import(items: Any) -> None:
    answer = apply_import_policy(an_order(items=items), a_store())
    assert answer == Skipped(SkipReason.NOTHING_TO_IMPORT)


def test_the_time_of_the_event_says_nothing_of_the_purchase() -> None:
    order = an_order(purchase_date=INTEGRATED, last_update_date=later(-10_000))
    assert apply_import_policy(order, a_store()) == Admitted()
