"""The policy: which causes people are notified of now, and when they are left alone.

Pure decisions: the same ledger, groups and time always give the same notifications.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from models.keys import notification_id
from models.notifications import (
    BlockingCause,
    CauseKey,
    Notification,
    NotificationKind,
    NotificationLedger,
    Notified,
    Urgency,
)
from order_import.settings import Settings
from storage.queries import BlockedGroup

AGAIN = timedelta(minutes=10)
"""How long a cause is left alone after a notification of it, so that none flickers."""
MANY = 5
"""If more causes than this are due at once, they are sent as one digest."""
IN_DIGEST = 50
"""The most causes that a digest lists."""
_TWICE = 2


@dataclass(frozen=True, slots=True)
class NotificationPolicy:
    """What the settings say about when to notify.

    `channels` get every notification. `near` is how long before its ship-by date a cause becomes
    urgent. `quiet` and `digest_at` are in `zone`.
    """

    installation: str
    channels: tuple[str, ...]
    near: timedelta
    quiet: tuple[time, time] | None
    digest_at: time | None
    zone: tzinfo

    def is_quiet(self, at: datetime) -> bool:
        """Return whether nothing may be sent at a moment."""
        if self.quiet is None:
            return False
        (start, end), local = self.quiet, at.astimezone(self.zone).time()
        return start <= local < end if start <= end else local >= start or local < end

    def urgency(self, ship_by: datetime | None, at: datetime) -> Urgency:
        """Return how near a ship-by date is."""
        if ship_by is None or ship_by > at + self.near:
            return Urgency.LATER
        return Urgency.NEAR if ship_by > at else Urgency.OVERDUE

    def decide(
        self,
        ledger: NotificationLedger,
        groups: Sequence[BlockedGroup],
        at: datetime,
        *,
        is_complete: bool = True,
    ) -> NotificationLedger:
        """Return the ledger with the notifications that are due; the same one if there are none.

        Args:
            ledger: The ledger so far.
            groups: The causes that block orders now.
            at: The current time.
            is_complete: Whether these are all causes. If not, none counts as resolved.
        """
        if self.is_quiet(at):
            return ledger
        causes = [_to_cause(group) for group in groups]
        notified = self._lowered(ledger.notified, causes, at)
        today, is_daily = self._today(ledger, at)
        if is_daily:
            due = [(NotificationKind.DIGEST, cause) for cause in causes]
        else:
            due = [*self._due(notified, causes, at)]
            due += _resolved(notified, causes, at) if is_complete else ()
        for kind, cause in due:
            if kind is NotificationKind.RESOLVED:
                del notified[cause.key]
            else:
                urgency = self.urgency(cause.earliest_ship_by, at)
                notified[cause.key] = Notified(cause.key, cause.orders, urgency, at)
        version = ledger.version + 1
        changed = replace(
            ledger,
            notified=tuple(notified.values()),
            outbox=(*ledger.outbox, *self._compose(due, at, version, is_digest=is_daily)),
            digest_on=today,
        )
        return ledger if changed == ledger else replace(changed, version=version)

    def _today(self, ledger: NotificationLedger, at: datetime) -> tuple[date | None, bool]:
        """Return the local day of the last daily digest, and whether one is due now."""
        local = at.astimezone(self.zone)
        if (
            self.digest_at is None
            or local.time() < self.digest_at
            or ledger.digest_on == local.date()
        ):
            return ledger.digest_on, False
        return local.date(), True

    def _lowered(
        self, notified: Iterable[Notified], causes: Iterable[BlockingCause], at: datetime
    ) -> dict[CauseKey, Notified]:
        """Return what was notified, less urgent where it is by now: it may become so again."""
        ship_by = {cause.key: cause.earliest_ship_by for cause in causes}
        return {
            entry.key: replace(
                entry, urgency=min(entry.urgency, self.urgency(ship_by.get(entry.key), at))
            )
            for entry in notified
        }

    def _due(
        self, notified: Mapping[CauseKey, Notified], causes: Iterable[BlockingCause], at: datetime
    ) -> Iterator[tuple[NotificationKind, BlockingCause]]:
        for cause in causes:
            before = notified.get(cause.key)
            if before is None:
                yield NotificationKind.BLOCKED, cause
            elif at - before.at < AGAIN:
                continue
            elif self.urgency(cause.earliest_ship_by, at) > before.urgency:
                yield NotificationKind.SHIP_BY, cause
            elif cause.orders >= _TWICE * before.orders:
                yield NotificationKind.MORE, cause

    def _compose(
        self,
        due: Sequence[tuple[NotificationKind, BlockingCause]],
        at: datetime,
        version: int,
        *,
        is_digest: bool,
    ) -> Iterator[Notification]:
        """Yield a notification of each cause, or one digest, for each channel."""
        parts: list[tuple[NotificationKind, tuple[BlockingCause, ...], int]]
        parts = [(kind, (cause,), 0) for kind, cause in due]
        if due and (is_digest or len(due) > MANY):
            causes = tuple(cause for _, cause in due)
            more = max(0, len(causes) - IN_DIGEST)
            parts = [(NotificationKind.DIGEST, causes[:IN_DIGEST], more)]
        for number, (kind, causes, more) in enumerate(parts):
            name = notification_id(self.installation, version, number, at)
            for channel in self.channels:
                yield Notification(name, channel, kind, at, causes, more)


def _resolved(
    notified: Mapping[CauseKey, Notified], causes: Iterable[BlockingCause], at: datetime
) -> Iterator[tuple[NotificationKind, BlockingCause]]:
    present = {cause.key for cause in causes}
    for key, before in notified.items():
        if key not in present and at - before.at >= AGAIN:
            yield NotificationKind.RESOLVED, BlockingCause(*key)


def _to_cause(group: BlockedGroup) -> BlockingCause:
    return BlockingCause(
        code=group.code,
        sku=group.sku,
        # Only lines without a SKU are told apart by it.
        asin=group.asins[0] if group.sku is None and group.asins else None,
        stock_id=group.stock_id,
        orders=group.orders,
        value=group.value,
        earliest_ship_by=group.earliest_ship_date,
        similar_sku=group.similar_sku,
    )


def policy_of(settings: Settings, channels: Iterable[str]) -> NotificationPolicy:
    """Return the policy of the settings."""
    quiet, digest_at = settings.notify_quiet_hours, settings.notify_digest_at
    start, _, end = (quiet or "").partition("-")
    return NotificationPolicy(
        installation=settings.installation,
        channels=tuple(channels),
        near=timedelta(hours=settings.notify_ship_by_hours),
        quiet=(time.fromisoformat(start), time.fromisoformat(end)) if quiet else None,
        digest_at=time.fromisoformat(digest_at) if digest_at else None,
        zone=ZoneInfo(settings.notify_time_zone),
    )
