"""The answer to an operator for one order of a replay, or of a sync (rule 14)."""

import pytest

from handlers.rules.replay import current_answer, replay_answer
from models.outcome import Created, MissingDetail, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from models.replay import ReplayAnswer, ReplayReason, ReplayResult
from tests.builders import KEY, a_block, a_blocker, a_record, a_store, money

TOTAL = money("10.80")
SHORT = a_blocker(sku="SKU-1", seller_sku="SELLER", required=3, available=2.0)
WITHOUT_SKU = a_blocker(code="not-in-catalog", sku=None, seller_sku="SELLER", available=None)


def refused(*codes: str) -> ReplayAnswer:
    return ReplayAnswer(KEY, ReplayResult.REFUSED, tuple(map(ReplayReason, codes)), TOTAL)


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Created("c"), ReplayAnswer(KEY, ReplayResult.CREATED, (), TOTAL)),
        (
            a_block(SHORT, WITHOUT_SKU),
            ReplayAnswer(
                KEY,
                ReplayResult.BLOCKED,
                (
                    ReplayReason("out-of-stock", "SKU-1", 3, 2.0),
                    ReplayReason("not-in-catalog", "SELLER", 1, None),
                ),
                TOTAL,
            ),
        ),
        (
            Waiting(WaitingReason.DETAILS_PENDING, (MissingDetail.LINES,)),
            refused("details-pending"),
        ),
        (Skipped(SkipReason.IMPORT_DISABLED), refused("import-disabled")),
        (Withdrawn(SkipReason.CANCELED), refused("canceled")),
    ],
    ids=repr,
)
def test_an_answer_names_the_order_its_result_every_reason_and_the_total(
    outcome: Outcome, answer: ReplayAnswer
) -> None:
    assert current_answer(a_record(outcome=outcome)) == answer


def test_a_refusal_names_the_order_its_reason_and_the_total() -> None:
    created = a_record(outcome=Created("c"))
    assert replay_answer(created, a_store(), None) == refused("already-created")


def test_an_order_that_is_neither_refused_nor_checked_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match=f"order {KEY} is not refused, and was not checked"):
        replay_answer(a_record(), a_store(), None)
