"""The process of `notify`: look at the blocked orders, keep the ledger, and send what is due.

At most a few seconds pass from a block to its notification. A notification is stored before it is
sent, and removed once its channel has accepted it: it is never lost, and in a crash between the
two it is sent again with the same id.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog
from tenacity import RetryCallState

from models.errors import TransientStorageError
from models.keys import notification_id
from models.notifications import Notification
from order_import.bootstrap import connect_database
from order_import.notify.channels import Channel, NotSent, channels_of
from order_import.notify.message import example
from order_import.notify.policy import NotificationPolicy, policy_of
from order_import.settings import Settings
from storage.mongo.notifications import MongoNotifications
from storage.mongo.orders import MongoReader
from storage.retry import log_retry, retry_delivery, retry_outages
from streams.clock import now

log = structlog.get_logger(__name__)

_POLL_SECONDS, _MOST_SECONDS = 3.0, 10.0
_SHARE = 9
"""A pause between two looks is up to so many times as long as a look takes."""
_HELD = timedelta(seconds=20)
"""How long a process holds the ledger after each look; another one takes over after that."""
_STOP_SECONDS = 15.0
"""How long a stop waits for what is being sent."""
_MOST_CAUSES = 500


class Notifier:
    """Notifies people of one installation, as long as it holds the ledger."""

    def __init__(
        self,
        reader: MongoReader,
        notifications: MongoNotifications,
        policy: NotificationPolicy,
        channels: Mapping[str, Channel],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._reader = reader
        self._notifications = notifications
        self._policy = policy
        self._channels = channels
        self._clock = clock
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"
        self._outbox: list[Notification] = []
        self._accepted: set[tuple[str, str]] = set()
        """The keys of what a channel has accepted, and the ledger may still have."""
        self._changed = asyncio.Condition()
        self._underway: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look and send until canceled. Neither a channel nor a database that fails ends it.

        Raises:
            StorageBroken: The database refuses.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                for name, channel in self._channels.items():
                    group.create_task(self._deliver(name, channel))
        except BaseExceptionGroup as broken:
            raise broken.exceptions[0] from None

    async def look(self) -> None:
        """Look at the blocked orders once, and put the notifications that are due in the outbox.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        at = self._clock()
        ledger = await self._notifications.hold(self._holder, at, at + _HELD)
        if ledger is None or self._policy.is_quiet(at):
            await self._take([])
            return
        groups = await self._reader.blocked_groups(None, _MOST_CAUSES)
        is_complete = len(groups) < _MOST_CAUSES
        changed = self._policy.decide(ledger, groups, at, is_complete=is_complete)
        if changed is ledger or await self._notifications.save(ledger, changed):
            await self._take(list(changed.outbox))

    async def stop(self) -> None:
        """Finish what is being sent, and let another process take over at once."""
        if self._underway:
            await asyncio.wait(self._underway, timeout=_STOP_SECONDS)
        await self._notifications.release(self._holder, self._clock())

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self.look()
            except TransientStorageError as error:
                log.warning("blocked-orders-not-read", error=str(error))
            pause = max(_POLL_SECONDS, _SHARE * (loop.time() - began))
            await asyncio.sleep(min(pause, _MOST_SECONDS))

    async def _take(self, outbox: list[Notification]) -> None:
        async with self._changed:
            self._accepted.intersection_update(entry.key for entry in outbox)
            self._outbox = [entry for entry in outbox if entry.key not in self._accepted]
            self._changed.notify_all()

    async def _deliver(self, name: str, channel: Channel) -> None:
        """Send a channel's notifications one after the other, each until it is accepted."""
        send_next = partial(self._send_next, name, channel)
        while True:
            await retry_delivery(send_next, NotSent, _log_failure(name))

    async def _send_next(self, name: str, channel: Channel) -> None:
        """Wait for the next notification of a channel, send it, and remove it from the outbox.

        Raises:
            NotSent: The channel has not accepted it.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._next(name) is not None)
            notification = self._next(name)
        if notification is None:
            return
        # A stop lets it finish: otherwise what is accepted just then would be sent again.
        sending = asyncio.create_task(self._send(channel, notification))
        self._underway.add(sending)
        sending.add_done_callback(self._ended)
        await asyncio.shield(sending)

    async def _send(self, channel: Channel, notification: Notification) -> None:
        await channel.send(notification)
        self._accepted.add(notification.key)
        self._outbox = [entry for entry in self._outbox if entry.key != notification.key]
        log.info("notification-sent", channel=notification.channel, kind=notification.kind.value)
        await retry_outages(
            partial(self._notifications.delivered, notification),
            TransientStorageError,
            before_sleep=log_retry,
        )

    def _ended(self, sending: asyncio.Task[None]) -> None:
        self._underway.discard(sending)
        if not sending.cancelled():
            sending.exception()  # it is logged by who waits for it, and by nobody after a stop

    def _next(self, name: str) -> Notification | None:
        return next((entry for entry in self._outbox if entry.channel == name), None)


def _log_failure(channel: str) -> Callable[[RetryCallState], None]:
    def log_failure(state: RetryCallState) -> None:
        error = None if state.outcome is None else state.outcome.exception()
        log.warning(
            "notification-not-sent",
            channel=channel,
            reason=str(error),
            attempt=state.attempt_number,
            remedy="none: it is kept and sent again",
        )

    return log_failure


async def run_notifier(settings: Settings) -> None:
    """Notify people until a signal.

    Raises:
        SettingsError: As `channels_of`.
        StorageBroken: The database refuses, or is of another version of this program.
    """
    channels = channels_of(settings)
    async with connect_database(settings) as database:
        policy = policy_of(settings, channels)
        notifier = Notifier(database.reader, database.notifications, policy, channels)

        async def work() -> None:
            check = database.storage.check_layout
            await retry_outages(check, TransientStorageError, before_sleep=log_retry)
            log.info("notifier-started", channels=list(channels))
            await notifier.run()

        running = asyncio.create_task(work())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        await asyncio.wait([running])
        if not running.cancelled():
            running.result()
        log.info("notifier-stopping")
        with suppress(TransientStorageError):
            await notifier.stop()


async def send_examples(settings: Settings) -> Mapping[str, str | None]:
    """Send an example to each channel; return why it was not accepted, None if it was.

    Raises:
        SettingsError: As `channels_of`.
    """
    at = now()
    name = notification_id(settings.installation, 0, 0, at)
    results: dict[str, str | None] = {}
    for channel_name, channel in channels_of(settings).items():
        results[channel_name] = None
        try:
            await channel.send(example(channel_name, name, at))
        except NotSent as error:
            results[channel_name] = str(error)
    return results
