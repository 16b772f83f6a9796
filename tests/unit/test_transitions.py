"""From the outcome so far and the policy's verdict to what follows: the whole table."""

import json
from typing import Any

import pytest

from handlers.rules.transitions import next_outcome, transition
from models.decision import Decision
from models.outcome import Admitted, Created, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from tests.builders import NOW, STORE, a_block, a_record, a_store, an_occasion, later
from tests.unit.kit import event_types

A = Admitted()
W_DETAILS, W_STORE = (
    Waiting(WaitingReason.DETAILS_PENDING),
    Waiting(WaitingReason.STORE_UNKNOWN),
)
OFF, BEFORE, GONE, NOTHING = (
    Skipped(SkipReason.IMPORT_DISABLED),
    Skipped(SkipReason.BEFORE_INTEGRATION),
    Skipped(SkipReason.CANCELED),
    Skipped(SkipReason.NOTHING_TO_IMPORT),
)
OTHER = Skipped(SkipReason.NOT_SOLD_ON_AMAZON)
X_GONE, X_BEFORE = Withdrawn(SkipReason.CANCELED), Withdrawn(SkipReason.BEFORE_INTEGRATION)
X_NOTHING = Withdrawn(SkipReason.NOTHING_TO_IMPORT)
B, C = a_block(), Created("commerce-1")
SKIP, DRAW = ["OrderImportSkipped"], ["OrderImportWithdrawn"]
NONE: list[str] = []

TABLE: list[tuple[Outcome | None, Any, Outcome, list[str]]] = [
    # previous outcome, policy result, next outcome, events
    (None, W_STORE, W_STORE, NONE),
    (None, W_DETAILS, W_DETAILS, NONE),
    (None, OFF, OFF, SKIP),
    (None, BEFORE, BEFORE, SKIP),
    (None, GONE, GONE, SKIP),
    (None, NOTHING, NOTHING, SKIP),
    (W_STORE, W_STORE, W_STORE, NONE),
    (W_STORE, W_DETAILS, W_DETAILS, NONE),
    (W_DETAILS, OFF, OFF, SKIP),
    (W_DETAILS, BEFORE, BEFORE, SKIP),
    (W_DETAILS, GONE, X_GONE, NONE),
    (W_DETAILS, NOTHING, NOTHING, SKIP),
    (B, W_DETAILS, B, NONE),
    (B, W_STORE, B, NONE),
    (B, OFF, B, NONE),
    (B, BEFORE, X_BEFORE, DRAW),
    (B, GONE, X_GONE, DRAW),
    (B, NOTHING, X_NOTHING, DRAW),
    (B, OTHER, B, NONE),
    (W_DETAILS, OTHER, OTHER, SKIP),
    (OTHER, A, OTHER, NONE),
    (OTHER, W_DETAILS, OTHER, NONE),
    (OTHER, OTHER, OTHER, NONE),
    (OTHER, OFF, OFF, SKIP),
    (OTHER, GONE, GONE, SKIP),
    (OFF, OTHER, OTHER, SKIP),
    (OFF, A, OFF, NONE),
    (OFF, W_DETAILS, OFF, NONE),
    (OFF, OFF, OFF, NONE),
    (OFF, GONE, GONE, SKIP),
    (OFF, BEFORE, BEFORE, SKIP),
    (BEFORE, BEFORE, BEFORE, NONE),
    (BEFORE, GONE, GONE, SKIP),
    (NOTHING, NOTHING, NOTHING, NONE),
    (NOTHING, GONE, GONE, SKIP),
    (GONE, GONE, GONE, NONE),
    (X_GONE, GONE, X_GONE, NONE),
    (X_BEFORE, BEFORE, X_BEFORE, NONE),
    (X_NOTHING, NOTHING, X_NOTHING, NONE),
    (X_NOTHING, GONE, GONE, SKIP),
    (C, A, C, NONE),
    (C, GONE, C, NONE),
    (C, W_STORE, C, NONE),
]


CHECKED = [None, W_STORE, W_DETAILS, B, BEFORE, NOTHING, GONE, X_GONE, X_BEFORE, X_NOTHING]


def transitioned(previous: Outcome | None, policy_result: Any, **record: Any) -> Decision:
    fields = {"outcome": previous or W_STORE, "sequence": 4} | record
    outcome = next_outcome(previous, policy_result)
    assert outcome is not None
    return transition(
        a_record(**fields),
        previous,
        outcome,
        an_occasion(at=later(1)),
        what="received",
        store=a_store(),
    )


@pytest.mark.parametrize("previous", CHECKED, ids=repr)
def test_of_what_the_policy_admits_the_blocker_check_says_what_becomes(
    previous: Outcome | None,
) -> None:
    assert next_outcome(previous, A) is None


@pytest.mark.parametrize("previous", [OTHER, W_STORE, B], ids=repr)
def test_rule_21_an_order_whose_channel_changed_is_asked_anew(previous: Outcome) -> None:
    assert next_outcome(previous, A, channel_changed=True) is None
    expected = {OTHER: OTHER, W_STORE: OTHER, B: Withdrawn(SkipReason.NOT_SOLD_ON_AMAZON)}
    assert next_outcome(previous, OTHER, channel_changed=True) == expected[previous]


@pytest.mark.parametrize(("previous", "policy_result", "outcome", "events"), TABLE, ids=repr)
def test_what_follows_from_a_verdict(
    previous: Outcome | None, policy_result: Any, outcome: Outcome, events: list[str]
) -> None:
    decision = transitioned(previous, policy_result)
    assert decision.record.outcome == outcome
    assert event_types(decision) == events
    reason = json.dumps(outcome.reasons[0]) if events else ""
    assert all(f'"reason":{reason}'.encode() in event.body for event in decision.events)
    assert decision.record.sequence == 4 + len(events)
    assert decision.record.decided_at == (NOW if outcome == previous else later(1))
    assert decision.commerce_order is None
    assert decision.reserves == decision.releases == ()


def test_only_an_unknown_store_and_a_block_are_waited_on() -> None:
    assert transitioned(None, W_STORE).record.depends_on == (f"store:{STORE}",)
    assert transitioned(None, W_DETAILS).record.depends_on == ()
    assert transitioned(B, W_DETAILS, depends_on=("product:SKU-1",)).record.depends_on == (
        "product:SKU-1",
    )
    assert transitioned(B, GONE, depends_on=("product:SKU-1",)).record.depends_on == ()


def test_the_story_names_the_reason_and_the_settings_it_was_decided_by() -> None:
    history = transitioned(None, OFF).history
    assert history is not None
    assert (history.what, history.reasons) == ("received", ("import-disabled",))
    assert history.facts == {
        "store_updated_at": a_store().updated_at,
        "import_amazon_orders": True,
        "integrated_at": a_store().integrated_at,
    }
    assert len(history.events) == 1
