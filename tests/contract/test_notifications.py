"""The ledger of notifications on the real protocol: one holder, atomic changes, nothing lost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest

from models.notifications import (
    BlockingCause,
    Notification,
    NotificationKind,
    NotificationLedger,
    Notified,
    Urgency,
)
from models.reasons import BlockerCode
from storage.mongo.driver import Driver, maybe_await, open_client
from storage.mongo.notifications import MongoNotifications
from tests.builders import NOW, later, money

CAUSE = BlockingCause(
    BlockerCode.OUT_OF_STOCK, "A/1.$x", None, "s", 3, (money("10.10"),), later(5), "a/1.$X"
)
NAMELESS = BlockingCause(BlockerCode.NOT_IN_CATALOG, None, "B01")


def a_notification(number: int, channel: str = "mail") -> Notification:
    causes = (CAUSE, NAMELESS)
    return Notification(f"id-{number}", channel, NotificationKind.DIGEST, NOW, causes, more=2)


@pytest.fixture(params=list(Driver))
async def notifications(
    request: pytest.FixtureRequest, mongo_url: str, database_name: str
) -> AsyncIterator[MongoNotifications]:
    client = open_client(mongo_url, request.param)
    yield MongoNotifications(client[database_name])
    await maybe_await(client.close())


async def held(notifications: MongoNotifications, holder: str = "a") -> NotificationLedger:
    ledger = await notifications.hold(holder, NOW, later(1))
    assert ledger is not None
    return ledger


async def test_a_ledger_comes_back_as_it_was(notifications: MongoNotifications) -> None:
    empty = await held(notifications)
    assert empty == NotificationLedger()
    changed = NotificationLedger(
        version=1,
        notified=(
            Notified(CAUSE.key, 3, Urgency.NEAR, NOW),
            Notified(NAMELESS.key, 1, Urgency.LATER, NOW),
        ),
        outbox=(a_notification(1), a_notification(1, "webhook")),
        digest_on=date(2026, 7, 1),
    )
    assert await notifications.save(empty, changed)
    assert await held(notifications) == changed


async def test_one_process_holds_it_until_it_lets_go_or_is_late(
    notifications: MongoNotifications,
) -> None:
    await held(notifications, "a")
    assert await notifications.hold("b", NOW, later(1)) is None
    assert await notifications.hold("a", later(0.5), later(1.5)) is not None
    assert await notifications.hold("b", later(1.4), later(2)) is None
    assert await notifications.hold("b", later(1.5), later(2)) is not None
    assert await notifications.hold("a", later(1.6), later(2)) is None
    await notifications.release("a", later(1.6))  # it is not a's to release
    assert await notifications.hold("a", later(1.6), later(2)) is None
    await notifications.release("b", later(1.6))
    assert await notifications.hold("a", later(1.6), later(2)) is not None


async def test_a_change_from_an_old_ledger_is_refused_whole(
    notifications: MongoNotifications,
) -> None:
    empty = await held(notifications)
    first = replace(empty, version=1, outbox=(a_notification(1),))
    assert await notifications.save(empty, first)
    assert not await notifications.save(
        empty, replace(empty, version=1, outbox=(a_notification(2),))
    )
    assert await held(notifications) == first


async def test_what_is_delivered_leaves_and_what_came_meanwhile_stays(
    notifications: MongoNotifications,
) -> None:
    empty = await held(notifications)
    two = (a_notification(1), a_notification(1, "webhook"))
    first = replace(empty, version=1, outbox=two)
    assert await notifications.save(empty, first)
    for _ in range(2):
        await notifications.delivered(a_notification(1))
    # The look that was under way has read both: only what it adds is written.
    assert await notifications.save(
        first, replace(first, version=2, outbox=(*two, a_notification(2)))
    )
    assert (await held(notifications)).outbox == (a_notification(1, "webhook"), a_notification(2))
