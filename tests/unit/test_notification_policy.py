"""When people are notified of what: new, more, urgent, resolved; digests and quiet hours."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.notifications import Notification, NotificationLedger
from models.reasons import BlockerCode
from order_import.notify.policy import NotificationPolicy, policy_of
from order_import.settings import Settings
from storage.queries import BlockedGroup
from tests.builders import NOW, later, money

POLICY = NotificationPolicy("test", ("webhook",), timedelta(hours=24), None, None, UTC)


def a_group(sku: str | None = "LAMP", **fields: Any) -> BlockedGroup:
    values: dict[str, Any] = {
        "code": BlockerCode.DISABLED,
        "sku": sku,
        "stock_id": None,
        "similar_sku": None,
        "seller_skus": ("SELL",),
        "asins": ("B01",),
        "orders": 3,
        "value": (money("32.40"),),
        "oldest_purchase_date": NOW,
        "earliest_ship_date": later(72),
        "blocked_since": NOW,
        "tried": 1,
    }
    return BlockedGroup(**(values | fields))


class Told:
    """A ledger that goes on, and what each look adds to it."""

    def __init__(self, policy: NotificationPolicy = POLICY) -> None:
        self.policy = policy
        self.ledger = NotificationLedger()

    def look(self, *groups: BlockedGroup, hours: float, **more: bool) -> Sequence[Notification]:
        before = self.ledger
        self.ledger = self.policy.decide(before, groups, later(hours), **more)
        assert self.ledger.outbox[: len(before.outbox)] == before.outbox
        return self.ledger.outbox[len(before.outbox) :]

    def kinds(self, *groups: BlockedGroup, hours: float, **more: bool) -> list[str]:
        return [one.kind.value for one in self.look(*groups, hours=hours, **more)]


def test_a_cause_is_told_once_with_all_that_is_known_of_it() -> None:
    told = Told()
    [first] = told.look(a_group(), hours=0)
    assert (first.kind, first.channel, first.more) == ("blocked", "webhook", 0)
    [cause] = first.causes
    assert (cause.code, cause.sku, cause.asin, cause.orders) == ("disabled", "LAMP", None, 3)
    assert (cause.value, cause.earliest_ship_by) == ((money("32.40"),), later(72))
    for hours in (0.01, 1, 40):
        before = told.ledger
        assert not told.look(a_group(), hours=hours)
        assert told.ledger is before


def test_it_is_told_again_once_there_are_twice_as_many_orders() -> None:
    told = Told()
    looks = [(0, 3), (1, 5), (2, 6), (3, 11), (4, 2), (5, 6), (6, 12)]
    kinds = [told.kinds(a_group(orders=orders), hours=hours) for hours, orders in looks]
    assert kinds == [["blocked"], [], ["more"], [], [], [], ["more"]]


def test_it_is_told_again_when_the_ship_by_date_comes_near_and_when_it_has_passed() -> None:
    told = Told()
    assert told.kinds(a_group(), hours=0) == ["blocked"]
    hours = [47.9, 48, 49, 71.9, 72, 80]
    assert [told.kinds(a_group(), hours=at) for at in hours] == [
        [],
        ["ship-by"],
        [],
        [],
        ["ship-by"],
        [],
    ]
    # The overdue order is gone: the next one may become urgent again.
    assert told.kinds(a_group(earliest_ship_date=later(120)), hours=81) == []
    assert told.kinds(a_group(earliest_ship_date=later(120)), hours=97) == ["ship-by"]
    assert told.kinds(a_group(earliest_ship_date=None), hours=98) == []


def test_what_is_resolved_is_told_and_new_again_if_it_returns() -> None:
    told = Told()
    assert told.kinds(a_group(), a_group("MUG"), hours=0) == ["blocked", "blocked"]
    [resolved] = told.look(a_group("MUG"), hours=1)
    assert (resolved.kind, resolved.causes[0].sku, resolved.causes[0].orders) == (
        "resolved",
        "LAMP",
        0,
    )
    assert told.kinds(a_group("MUG"), hours=2) == []
    assert told.kinds(a_group(), a_group("MUG"), hours=3) == ["blocked"]
    assert told.kinds(hours=4, is_complete=False) == []


def test_what_flickers_is_told_at_most_every_ten_minutes() -> None:
    told = Told()
    assert told.kinds(a_group(orders=1), hours=0) == ["blocked"]
    minutes = 1 / 60
    assert told.kinds(a_group(orders=50), hours=1 * minutes) == []
    assert told.kinds(hours=2 * minutes) == []
    assert told.kinds(a_group(orders=50), hours=9 * minutes) == []
    assert told.kinds(a_group(orders=50), hours=10 * minutes) == ["more"]
    assert told.kinds(hours=19 * minutes) == []
    assert told.kinds(hours=20 * minutes) == ["resolved"]


def test_causes_without_a_sku_are_told_apart_by_their_asin() -> None:
    told = Told()
    groups = [a_group(None, asins=(asin,)) for asin in ("B01", "B02")]
    assert [one.causes[0].asin for one in told.look(*groups, hours=0)] == ["B01", "B02"]
    assert told.kinds(groups[1], hours=1) == ["resolved"]


def test_many_causes_at_once_are_one_digest_of_limited_length() -> None:
    told = Told()
    [digest] = told.look(*(a_group(str(number)) for number in range(70)), hours=0)
    assert (digest.kind, len(digest.causes), digest.more) == ("digest", 50, 20)
    assert told.kinds(*(a_group(str(number)) for number in range(70)), hours=1) == []
    assert told.kinds(*(a_group(str(number)) for number in range(65)), hours=2) == ["resolved"] * 5


def test_nothing_is_told_in_quiet_hours_and_then_only_what_is_still_so() -> None:
    quiet = (time(22), time(7))
    told = Told(NotificationPolicy("test", ("webhook",), timedelta(1), quiet, None, UTC))
    night = (datetime(2026, 7, 1, 23, tzinfo=UTC) - NOW) / timedelta(hours=1)
    assert told.kinds(a_group("A"), hours=night) == []
    assert told.kinds(a_group("B"), hours=night + 7.99) == []
    assert [one.causes[0].sku for one in told.look(a_group("B"), hours=night + 8)] == ["B"]


@pytest.mark.parametrize(
    ("quiet", "is_quiet"),
    [
        ("22:00-07:00", {22, 23, *range(7)}),
        ("01:00-03:00", {1, 2}),
        ("00:00-00:00", set()),
    ],
)
def test_quiet_hours_are_local_and_may_pass_midnight(quiet: str, is_quiet: set[int]) -> None:
    settings = Settings(notify_quiet_hours=quiet, notify_time_zone="Europe/Berlin")
    policy = policy_of(settings, ())
    berlin = ZoneInfo("Europe/Berlin")
    hours = [datetime(2026, 7, 1, hour, tzinfo=berlin) for hour in range(24)]
    assert {hour.hour for hour in hours if policy.is_quiet(hour)} == is_quiet


def test_the_daily_digest_has_every_cause_and_comes_once_a_day() -> None:
    told = Told(NotificationPolicy("test", ("webhook",), timedelta(1), None, time(8), UTC))
    morning = (datetime(2026, 7, 2, 8, tzinfo=UTC) - NOW) / timedelta(hours=1)
    assert told.kinds(hours=0) == []  # today's, with nothing to say
    assert told.kinds(a_group("A"), hours=1) == ["blocked"]
    assert told.kinds(a_group("A"), a_group("B"), hours=morning - 0.01) == ["blocked"]
    [digest] = told.look(a_group("A"), a_group("B"), a_group("C"), hours=morning)
    assert [cause.sku for cause in digest.causes] == ["A", "B", "C"]
    assert digest.kind == "digest"
    assert told.kinds(a_group("A"), a_group("B"), a_group("C"), hours=morning + 1) == []
    assert told.kinds(a_group("A"), a_group("B"), hours=morning + 2) == ["resolved"]
    assert told.kinds(a_group("A"), a_group("B"), hours=morning + 24) == ["digest"]


def test_each_channel_gets_a_copy_with_the_same_id_and_no_id_comes_twice() -> None:
    two = NotificationPolicy("test", ("webhook", "mail"), timedelta(1), None, None, UTC)
    told = Told(two)
    sent = [*told.look(a_group("A"), a_group("B"), hours=0), *told.look(hours=1)]
    ids = [one.notification_id for one in sent]
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == 4
    assert [one.channel for one in sent] == ["webhook", "mail"] * 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notify_quiet_hours", "22-7"),
        ("notify_quiet_hours", "22:00-24:00"),
        ("notify_digest_at", "8"),
        ("notify_time_zone", "Europe/Nowhere"),
        ("notify_time_zone", "../etc/passwd"),
        ("notify_ship_by_hours", "0"),
        ("notify_smtp_host", "mail.example"),
        ("notify_smtp_username", "somebody"),
    ],
)
def test_a_wrong_setting_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"notify_|NOTIFY_"):
        Settings(**{name: value})  # type: ignore[arg-type]  # settings by name
