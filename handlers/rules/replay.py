"""The replay: what to tell an operator of an order that was to be judged again (rule 14)."""

from handlers.rules.import_policy import apply_import_policy
from models.blockers import Blocker
from models.decision import Decision
from models.order_record import OrderRecord
from models.outcome import (
    Admitted,
    Blocked,
    Created,
    Skipped,
    SkipReason,
    Waiting,
    Withdrawn,
)
from models.reference_data import Store
from models.replay import ALREADY_CREATED, ReplayAnswer, ReplayReason, ReplayResult


def refusal_of(record: OrderRecord, store: Store | None) -> str | None:
    """Give the code for which a replay leaves an order as it is; None where it is judged.

    It is the policy's answer of today, not that of the day the order was skipped: an order
    skipped as `import-disabled` whose lines were then withdrawn is refused for its lines.
    """
    match record.outcome:
        case Created():
            return ALREADY_CREATED
        case Skipped(SkipReason.CANCELED) | Withdrawn(SkipReason.CANCELED):
            return SkipReason.CANCELED.value
        case Waiting() | Blocked() | Skipped() | Withdrawn():
            policy_result = apply_import_policy(record.order, store)
            return None if isinstance(policy_result, Admitted) else policy_result.reason.value


def answer_of(record: OrderRecord, store: Store | None, decision: Decision | None) -> ReplayAnswer:
    """Give what a replay says of an order.

    Args:
        record: The order as it was before.
        store: The facts it was judged by.
        decision: What `check_order` made of it.

    Raises:
        ValueError: It was not judged, and there is no reason for that.
    """
    refusal = refusal_of(record, store)
    if refusal is not None:
        reasons = (ReplayReason(refusal),)
        return ReplayAnswer(record.key, ReplayResult.REFUSED, reasons, record.order.total)
    if decision is None:
        raise ValueError(f"order {record.key} is not refused, and was not judged")
    return standing_of(decision.record)


def standing_of(record: OrderRecord) -> ReplayAnswer:
    """Give what became of an order so far, in the words of a replay's answer.

    What is neither created nor blocked is refused, for the reason it has.
    """
    total = record.order.total
    match record.outcome:
        case Created():
            return ReplayAnswer(record.key, ReplayResult.CREATED, (), total)
        case Blocked(blockers):
            causes = tuple(_told(blocker) for blocker in blockers)
            return ReplayAnswer(record.key, ReplayResult.BLOCKED, causes, total)
        case Waiting() | Skipped() | Withdrawn():
            reasons = tuple(ReplayReason(code) for code in record.outcome.reasons)
            return ReplayAnswer(record.key, ReplayResult.REFUSED, reasons, total)


def _told(blocker: Blocker) -> ReplayReason:
    sku = blocker.seller_sku if blocker.sku is None else blocker.sku
    return ReplayReason(blocker.code.value, sku, blocker.required, blocker.available)
