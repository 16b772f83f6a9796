"""Python's search for garbage in cycles, made rare."""

import asyncio
import gc
import os
import signal
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import faust
import structlog

from models.commands import ALL_STORES, Sync
from models.errors import TransientStorageError
from models.messages import CommandMessage
from order_import.bootstrap import (
    connect_reader,
    connect_storage,
    faust_credentials,
    group_of,
    new_consumer,
    new_producer,
)
from order_import.errors import error_fields
from order_import.liveness import Stalled, WorkerWatch, beat
from order_import.readiness import Readiness, WorkerState
from order_import.settings import Settings
from order_import.web import serve_health
from storage.mongo.storage import MongoStorage
from streams.app import HANDLERS, AppOptions, build_app
from streams.assignment import PartitionAssignment
from streams.clock import now
from streams.publisher import Publisher


def collect_less_often() -> None:
    """Leave what lives as long as the process out of the search, and search less often.

    A batch, or a page, makes ten thousands of objects, and hardly a cycle: with the usual
    thresholds a fifth of the worker's time went into looking for some, and one search is a pause
    of some 70 ms that a visitor of the console waits for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


async def run_sync_timer(interval: float, storage: MongoStorage, publisher: Publisher) -> None:
    """Ask for a sync every `interval` seconds, for as long as it is not cancelled."""
    while True:
        await asyncio.sleep(interval)
        at = now()
        try:
            due = await storage.claim_sync(at, at + timedelta(seconds=interval))
        except TransientStorageError:
            log.warning("sync-not-asked-for", remedy="none: it is, an interval later")
            continue
        if due:
            await publisher.publish([CommandMessage(ALL_STORES, Sync(requested_at=at))])


log = structlog.get_logger(__name__)

BROKEN = 70
"""The exit status of a worker that stopped because something broke (EX_SOFTWARE)."""
JOIN_SECONDS = 60.0
"""How long joining the group may take, at least: others may hand over, and Kafka be slow."""
STOP_SECONDS = 30.0
"""How long a worker may take to finish what it has at hand."""
STOP_SECONDS_ALONE = 5.0
"""The same without MongoDB or Kafka: then nothing can be finished, and its next owner does it."""


class StoppedByItself(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The work ended though nobody asked it to."""


async def run_worker(settings: Settings) -> int:
    """Run until a signal (0) or until something is broken (70). A supervisor starts it again.

    Signals, the health port, the watch and the heartbeat are there before anything is waited for.

    Raises:
        SettingsError: The health port cannot be listened on.
    """
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def end(error: BaseException | None = None) -> None:
        if not ended.done():
            ended.set_result(error)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(connect_storage(settings))
        reader = await stack.enter_async_context(connect_reader(settings))
        readiness = Readiness(settings, reader)
        work = _build(settings, storage, readiness, Path(stack.enter_context(_scratch())), end)
        watch = WorkerWatch(settings, work.partition_assignment)
        await stack.enter_async_context(serve_health(settings, readiness, watch))
        beside = [
            asyncio.create_task(beat(settings.stall_seconds, BROKEN)),
            asyncio.create_task(readiness.run()),
            asyncio.create_task(watch.run()),
            asyncio.create_task(_sync(settings, readiness, storage, work.publisher)),
            asyncio.create_task(work.run()),
        ]
        for task in beside:
            task.add_done_callback(lambda one: None if one.cancelled() else end(one.exception()))
        error = await ended
        if error is not None:
            log.error("worker-broken", **error_fields(error))
            # Nothing that is still running may go on: what it has not committed is done again.
            _leave(BROKEN)
        log.info("worker-stopping")
        beside[-1].cancel()
        try:
            await _within_time(asyncio.create_task(work.stop()), readiness)
        except Exception as late:  # noqa: BLE001 - asked to stop it stops, and the next owner goes on
            log.warning("stopped-unfinished", **error_fields(late))
    # A driver's thread may be in the middle of asking a server that does not answer.
    _leave(0)


@dataclass(slots=True)
class _Work:
    """What a worker does once nothing is missing."""

    storage: MongoStorage
    readiness: Readiness
    publisher: Publisher
    partition_assignment: PartitionAssignment
    app: faust.App
    join_seconds: float

    async def run(self) -> None:
        """Wait for the servers, join the group, and work until Faust stops.

        Raises:
            OtherLayout: The database is of another version of this program.
            Exception: What Faust, or anything under it, broke with.
        """
        await self.readiness.complete.wait()
        await self._check_layout()
        await self.publisher.start()
        self.readiness.state = WorkerState.JOINING
        starting = asyncio.create_task(self.app.start())
        # It can also break while it starts, and then the start may never end.
        broken = asyncio.create_task(self.app.wait_until_stopped())
        await asyncio.wait(
            [starting, broken], timeout=self.join_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if not starting.done() and not broken.done():
            raise Stalled("the group was not joined in time")
        if starting.done():
            starting.result()
            self.readiness.state = WorkerState.WORKING
            collect_less_often()
            log.info("worker-started", topics=len(HANDLERS))
            await broken
        raise self.app.crash_reason or StoppedByItself("Faust stopped, and does not say why")

    async def _check_layout(self) -> None:
        while True:
            try:
                return await self.storage.check_layout()
            except TransientStorageError:
                await asyncio.sleep(1)

    async def stop(self) -> None:
        """Finish what is at hand, and leave the group."""
        if self.readiness.state is not WorkerState.WAITING:
            await self.app.stop()
        await self.publisher.stop()


def _build(
    settings: Settings,
    storage: MongoStorage,
    readiness: Readiness,
    data_dir: Path,
    end: Any,
) -> _Work:
    """Build the work. Nothing is connected yet."""
    prefix = settings.topic_prefix
    publisher = Publisher(
        lambda: new_producer(settings), lambda topics: new_consumer(settings, topics), prefix
    )
    handlers = {prefix + name: handler for name, handler in HANDLERS.items()}
    partition_assignment = PartitionAssignment(
        handlers, storage, publisher, now, end, settings.batch_size
    )
    options = AppOptions(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        topic_prefix=prefix,
        group=group_of(settings),
        batch_size=settings.batch_size,
        session_timeout=settings.session_timeout,
        credentials=faust_credentials(settings),
    )
    app = build_app(options, partition_assignment, str(data_dir))
    return _Work(
        storage,
        readiness,
        publisher,
        partition_assignment,
        app,
        max(settings.stall_seconds, JOIN_SECONDS),
    )


async def _sync(
    settings: Settings, readiness: Readiness, storage: MongoStorage, publisher: Publisher
) -> None:
    await readiness.complete.wait()
    await run_sync_timer(settings.sync_interval, storage, publisher)


async def _within_time(stopping: asyncio.Task[None], readiness: Readiness) -> None:
    """Wait for the stop, not for ever, and hardly at all for a server that does not answer."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + STOP_SECONDS
    while not stopping.done() and clock() < deadline:
        if not readiness.answer:
            deadline = min(deadline, clock() + STOP_SECONDS_ALONE)
        await asyncio.wait([stopping], timeout=1)
    if not stopping.done():
        raise TimeoutError
    stopping.result()


def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="order-import-")


def _leave(status: int) -> NoReturn:
    os._exit(status)
