"""Random histories through the program and through the reference model: they end alike.

`make proofs` plays 10,000 of each.
"""

import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random

from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from handlers.rules.receive import receive
from models.amazon_order import AmazonOrder
from models.outcome import Created
from models.reference_data import CommerceStatus
from tests.builders import (
    ORDER,
    a_commerce_order,
    a_record,
    a_store,
    an_item,
    an_occasion,
    an_order,
)
from tests.model.end import End
from tests.model.histories import history
from tests.model.messages import AnyMessage, Line, News, ProductGone, ProductTold, StoreTold
from tests.model.reference_model import end_of
from tests.simulation.play import Ended, all_at_once, one_at_a_time
from tests.simulation.weather import Storm

HISTORIES = int(os.environ.get("HISTORIES", "120"))
STORE = StoreTold("s1", 10, imports=True, fba_requires_stock=True, updated=1)
ONE = (Line("i1", "a", 1),)
# Hypothesis prefers plain choices and shrinks them; even ones reach further.
SOURCES = st.one_of(*(st.randoms(use_true_random=even) for even in (True, True, False)))
many = settings(
    max_examples=HISTORIES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@many
@given(source=SOURCES)
@example(source=Random(23574))  # a document has a price, and then v0 that there are no charges
@example(source=Random(729))  # a line's SKU comes with no units, and its units with no SKU
def test_one_message_at_a_time_ends_as_the_model_says_whatever_is_cut_off(source: Random) -> None:
    told = _noted(history(source))
    storm = Storm(Random(source.randrange(2**32)))
    assert _end(one_at_a_time(told, storm, storm.chance)) == end_of(told)


@many
@given(source=SOURCES)
def test_however_the_topics_race_nothing_is_lost_doubled_oversold_or_left_behind(
    source: Random,
) -> None:
    told = _noted(history(source))
    assert _end(all_at_once(told, Storm(Random(source.randrange(2**32)))))


def test_rule_12_a_deleted_product_is_told_as_another_block() -> None:
    told: list[AnyMessage] = [
        STORE,
        ProductTold("a", enabled=False, managed=True, quantity=1, as_of=1),
        News("s1", "o1", "document", "Unshipped", "MFN", 20, 1, lines=ONE, complete=True),
        ProductGone("a"),
    ]
    end = _end(one_at_a_time(told))
    assert end == end_of(told)
    assert end is not None
    assert end.orders["s1/o1"][1] == {("not-in-catalog", "a", None)}


def test_rule_12_a_block_lifted_while_lines_were_missing_ends_when_they_are_there() -> None:
    v0 = partial(News, "s1", "o1", "v0", "Unshipped", "MFN", 20)
    told: list[AnyMessage] = [
        STORE,
        v0(updated=1, expected=1, lines=ONE, complete=True),
        v0(updated=2, expected=3),
        ProductTold("a", enabled=True, managed=True, quantity=1, as_of=1),
        v0(updated=3, expected=1),
    ]
    end = _end(one_at_a_time(told))
    assert end == end_of(told)
    assert end is not None
    assert end.orders["s1/o1"][0] == "created"


def test_rule_22_an_order_of_a_mistyped_store_is_imported_by_the_store_that_is_named_later() -> (
    None
):
    document = partial(News, order="o1", form="document", status="Unshipped", channel="MFN")
    told: list[AnyMessage] = [
        STORE,
        ProductTold("a", enabled=True, managed=True, quantity=1, as_of=1),
        document("s3", purchase=20, updated=1, lines=ONE, complete=True),
        document("s1", updated=2),
        document("s2", updated=3),
    ]
    end = _end(one_at_a_time(told))
    assert end == end_of(told)
    assert end is not None
    assert {key: order[0] for key, order in end.orders.items()} == {"s1/o1": "created"}


def test_rule_17_details_alone_complete_no_order_that_commerce_has_shipped() -> None:
    record = a_record(
        order=an_order(status="Shipped"), outcome=Created(a_commerce_order().commerce_order_id)
    )
    details = AmazonOrder(amazon_order_id=ORDER, items=(an_item(),), items_complete=True)
    shipped = a_commerce_order(status=CommerceStatus.SHIPPED)
    decision = receive(record, "store-1", details, a_store(), shipped, an_occasion())
    assert (decision.commerce_order, decision.events) == (None, ())


def test_the_workers_meet_every_kind_of_trouble() -> None:
    met: Counter[str] = Counter()
    for seed in range(20):
        storm = Storm(Random(seed))
        met += one_at_a_time(history(Random(seed)), storm, storm.chance).met + storm.met
    assert met.keys() == {"step", "crash", "failure", "hand-over", "usurper", "fenced off"}


def _end(ended: Ended) -> End | None:
    assert not ended.violations
    return ended.end


def _noted(told: Sequence[AnyMessage]) -> Sequence[AnyMessage]:
    """Have a failure show what was told."""
    for one in told:
        note(repr(one))
    return told
