"""The replay: the answer to an operator for an order that was to be checked again (rule 14)."""

from handlers.rules.import_policy import apply_import_policy
from models.blockers import Blocker
from models.decision import Decision
from models.order_record import OrderRecord
from models.outcome import Admitted, Blocked, Created, Skipped, Waiting, Withdrawn
from models.reasons import ALREADY_CREATED, SkipReason
from models.reference_data import Store
from models.replay import ReplayAnswer, ReplayReason, ReplayResult


def refusal_code(record: OrderRecord, store: Store | None) -> str | None:
    """Return the code for which a replay leaves an order as it is; None if it is checked.

    The policy's current result counts, not that of the day the order was skipped: an order skipped
    as `import-disabled` whose lines were then withdrawn is refused for its lines.
    """
    match record.outcome:
        case Created():
            return ALREADY_CREATED
        case Skipped(SkipReason.CANCELED) | Withdrawn(SkipReason.CANCELED):
            return SkipReason.CANCELED.value
        case Waiting() | Blocked() | Skipped() | Withdrawn():
            policy_result = apply_import_policy(record.order, store)
            return None if isinstance(policy_result, Admitted) else policy_result.reason.value


def replay_answer(
    record: OrderRecord, store: Store | None, decision: Decision | None
) -> ReplayAnswer:
    """Return a replay's answer for an order, from the order before and the result of `check_order`.

    Raises:
        ValueError: The order was not checked, and there is no reason for that.
    """
    refusal = refusal_code(record, store)
    if refusal is not None:
        reasons = (ReplayReason(refusal),)
        return ReplayAnswer(record.key, ReplayResult.REFUSED, reasons, record.order.total)
    if decision is None:
        raise ValueError(f"order {record.key} is not refused, and was not checked")
    return current_answer(decision.record)


def current_answer(record: OrderRecord) -> ReplayAnswer:
    """Return the outcome of an order so far, in the form of a replay's answer.

    An order that is neither created nor blocked is refused, for its own reason.
    """
    total = record.order.total
    match record.outcome:
        case Created():
            return ReplayAnswer(record.key, ReplayResult.CREATED, (), total)
        case Blocked(blockers):
            causes = tuple(_reason(blocker) for blocker in blockers)
            return ReplayAnswer(record.key, ReplayResult.BLOCKED, causes, total)
        case Waiting() | Skipped() | Withdrawn():
            reasons = tuple(ReplayReason(code) for code in record.outcome.reasons)
            return ReplayAnswer(record.key, ReplayResult.REFUSED, reasons, total)


def _reason(blocker: Blocker) -> ReplayReason:
    sku = blocker.seller_sku if blocker.sku is None else blocker.sku
    return ReplayReason(blocker.code.value, sku, blocker.required, blocker.available)
