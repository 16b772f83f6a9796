"""What became of an order: exactly one of five states, each with only what belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from models.blockers import Blocker, BlockerCode


class ImportState(StrEnum):
    """The state of an order's import, as stored in `amazon_orders.import.state`."""

    WAITING = "waiting"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CREATED = "created"
    WITHDRAWN = "withdrawn"


class WaitingReason(StrEnum):
    """Why nothing can be decided yet. Recorded, no event."""

    STORE_UNKNOWN = "store-unknown"
    STATUS_NOT_IMPORTABLE = "status-not-importable"
    DETAILS_PENDING = "details-pending"
    PURCHASE_DATE_UNKNOWN = "purchase-date-unknown"


DETAILS_OVERDUE = timedelta(hours=1)
"""How long an order may wait for its details before operators are shown that it does."""


class MissingDetail(StrEnum):
    """What an order that is `details-pending` waits for (rule 5)."""

    STATUS = "status"
    CHANNEL = "channel"
    LINES = "lines"
    PRICES = "prices-after-pending"


class SkipReason(StrEnum):
    """Why an order is not imported."""

    IMPORT_DISABLED = "import-disabled"
    BEFORE_INTEGRATION = "before-integration"
    CANCELED = "canceled"
    NOT_SOLD_ON_AMAZON = "not-sold-on-amazon"
    NOTHING_TO_IMPORT = "nothing-to-import"


REASON_CODES = tuple(
    code.value for codes in (BlockerCode, WaitingReason, SkipReason) for code in codes
)
"""Every code an order can have."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The import policy lets it through, to the blocker check. A verdict, and no outcome."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is not known or not ready yet.

    `missing` names the details of one that is `details-pending`. An order that waits for fewer
    of them than before still waits, since the same moment.
    """

    reason: WaitingReason
    missing: tuple[MissingDetail, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not imported."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Blocked:
    """Ready, but the catalog or the stock stands in the way. Every blocker is named."""

    blockers: tuple[Blocker, ...]
    since: datetime
    tried: int
    """How often it was judged and found blocked."""


@dataclass(frozen=True, slots=True)
class Created:
    """There is a Commerce order, now and for ever (rule 18)."""

    commerce_order_id: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """It was waiting or blocked, and never will be imported."""

    reason: SkipReason


def states_with(reason: str) -> Sequence[ImportState]:
    """Return the states in which an order may have a code; all for one that is not known."""
    if reason in set(BlockerCode):
        return [ImportState.BLOCKED]
    if reason in set(WaitingReason):
        return [ImportState.WAITING]
    if reason in set(SkipReason):
        return [ImportState.SKIPPED, ImportState.WITHDRAWN]
    return list(ImportState)


Outcome = Waiting | Skipped | Blocked | Created | Withdrawn
