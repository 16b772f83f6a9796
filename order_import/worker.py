"""The worker process: start everything, wait for the servers, work, and stop in order."""

import asyncio
import gc
import os
import signal
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import faust
import structlog

from models.commands import ALL_STORES, Sync
from models.errors import TransientStorageError
from models.messages import CommandMessage
from order_import.bootstrap import (
    connect_database,
    event_source,
    faust_credentials,
    group_of,
    new_consumer,
    new_producer,
)
from order_import.buyer_keys import read_buyer_keys
from order_import.errors import error_fields
from order_import.liveness import Stalled, WorkerWatch, beat
from order_import.metrics.exposition import new_registry
from order_import.metrics.worker import WorkerGauges, WorkerMetrics
from order_import.readiness import Readiness, WorkerState
from order_import.settings import Settings
from order_import.tracing import connect_tracing
from order_import.web import serve_health
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.storage import MongoStorage
from storage.retry import retry_outages
from streams.app import HANDLERS, build_app
from streams.assignment import PartitionAssignment
from streams.clock import now
from streams.publisher import Publisher
from streams.tracing import Tracing

log = structlog.get_logger(__name__)

BROKEN = 70
"""The exit status of a worker that stopped because something broke (EX_SOFTWARE)."""
JOIN_SECONDS = 60.0
"""Minimum time limit for joining the group: other workers may drain, and Kafka may be slow."""
STOP_SECONDS = 30.0
"""Time limit for finishing the current batches."""
STOP_SECONDS_ALONE = 5.0
"""The same without MongoDB or Kafka: nothing can be finished then, and the next owner does it."""


ERASURE_SECONDS = 60.0
"""How often expired buyer data is looked for."""


class StoppedByItself(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The work ended although nothing requested it."""


async def run_worker(settings: Settings) -> int:
    """Run until a signal (exit status 0) or a failure (70), after which a supervisor restarts it.

    Signal handlers, the health port, the watch and the heartbeat run before the worker waits for
    a server.

    Raises:
        SettingsError: It cannot listen on the health port, has no keys for buyer data, or traces
            need what is not installed.
    """
    read_buyer_keys(settings)
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def end(error: BaseException | None = None) -> None:
        if not ended.done():
            ended.set_result(error)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connect_database(settings))
        readiness = Readiness(settings, database.reader)
        registry = new_registry()
        metrics = WorkerMetrics(registry, settings.topic_prefix, now)
        data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="order-import-"))
        tracing = await stack.enter_async_context(connect_tracing(settings))
        work = _build(settings, database.storage, readiness, data_dir, end, metrics, tracing)
        watch = WorkerWatch(settings, work.partition_assignment)
        registry.register(WorkerGauges(readiness, watch, settings.topic_prefix))
        await stack.enter_async_context(serve_health(settings, readiness, watch, registry))
        tasks = [
            asyncio.create_task(beat(settings.stall_seconds, BROKEN)),
            asyncio.create_task(readiness.run()),
            asyncio.create_task(watch.run()),
            asyncio.create_task(_sync(settings, readiness, database.storage, work.publisher)),
            asyncio.create_task(_erase_expired(readiness, database.storage)),
            asyncio.create_task(work.run()),
        ]
        for task in tasks:
            task.add_done_callback(lambda done: None if done.cancelled() else end(done.exception()))
        error = await ended
        if error is not None:
            log.error("worker-broken", **error_fields(error))
            # Exit at once: uncommitted work will be done again.
            os._exit(BROKEN)
        log.info("worker-stopping")
        tasks[-1].cancel()
        try:
            await _wait_stopped(asyncio.create_task(work.stop()), readiness)
        except Exception as late:  # noqa: BLE001 - it must stop, and the next owner continues
            log.warning("stopped-unfinished", **error_fields(late))
    # A driver's thread may still wait for a server that does not answer.
    os._exit(0)


@dataclass(slots=True)
class _Work:
    storage: MongoStorage
    readiness: Readiness
    publisher: Publisher
    partition_assignment: PartitionAssignment
    app: faust.App
    join_seconds: float

    async def run(self) -> None:
        """Wait for the servers, join the group, and work until Faust stops.

        Raises:
            OtherLayout: The database has the layout of another version of this program.
            Exception: The error that stopped Faust.
        """
        await self.readiness.complete.wait()
        await self._check_layout()
        await self.publisher.start()
        self.readiness.state = WorkerState.JOINING
        starting = asyncio.create_task(self.app.start())
        # It can also fail while it starts, and then the start may never end.
        broken = asyncio.create_task(self.app.wait_until_stopped())
        await asyncio.wait(
            [starting, broken], timeout=self.join_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if not starting.done() and not broken.done():
            raise Stalled("the group was not joined in time")
        if starting.done():
            starting.result()
            self.readiness.state = WorkerState.WORKING
            tune_gc()
            log.info("worker-started", topics=len(HANDLERS))
            await broken
        raise self.app.crash_reason or StoppedByItself("Faust stopped without a reason")

    async def _check_layout(self) -> None:
        for check in (self.storage.check_layout, self.storage.vault.check_keys):
            await retry_outages(check, TransientStorageError)

    async def stop(self) -> None:
        """Finish the current batches, and leave the group."""
        if self.readiness.state is not WorkerState.WAITING:
            await self.app.stop()
        await self.publisher.stop()


def _build(
    settings: Settings,
    storage: MongoStorage,
    readiness: Readiness,
    data_dir: str,
    end: Any,
    metrics: WorkerMetrics,
    tracing: Tracing,
) -> _Work:
    prefix = settings.topic_prefix
    publisher = Publisher(
        lambda: new_producer(settings),
        lambda topics: new_consumer(settings, topics),
        prefix,
        event_source(settings),
        tracing,
    )
    handlers = {prefix + name: handler for name, handler in HANDLERS.items()}
    partition_assignment = PartitionAssignment(
        handlers, storage, publisher, now, end, settings.batch_size, metrics, tracing
    )
    app = build_app(
        partition_assignment,
        data_dir,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        topic_prefix=prefix,
        group=group_of(settings),
        batch_size=settings.batch_size,
        session_timeout=settings.session_timeout,
        credentials=faust_credentials(settings),
    )
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


async def _erase_expired(readiness: Readiness, storage: MongoStorage) -> None:
    await readiness.complete.wait()
    await run_erasure_timer(ERASURE_SECONDS, storage.vault)


async def run_erasure_timer(interval: float, vault: BuyerVault) -> None:
    """Erase expired buyer data every `interval` seconds until canceled, in every worker."""
    while True:
        try:
            orders, dead_letters = await vault.erase_expired(now())
        except TransientStorageError:
            log.warning("buyer-data-not-erased", remedy="none: it is erased an interval later")
        else:
            if orders or dead_letters:
                log.info("buyer-data-erased", orders=orders, dead_letters=dead_letters)
        await asyncio.sleep(interval)


async def run_sync_timer(interval: float, storage: MongoStorage, publisher: Publisher) -> None:
    """Request a sync every `interval` seconds until canceled; one worker's request counts."""
    while True:
        await asyncio.sleep(interval)
        at = now()
        try:
            due = await storage.claim_sync(at, at + timedelta(seconds=interval))
        except TransientStorageError:
            log.warning("sync-not-asked-for", remedy="none: it is requested an interval later")
            continue
        if due:
            await publisher.publish([CommandMessage(ALL_STORES, Sync(requested_at=at))])


def tune_gc() -> None:
    """Exclude long-lived objects from garbage collection, and collect less often.

    A batch, or a page of the console, creates tens of thousands of objects but hardly any cycles.
    With the default thresholds the collector took a fifth of the worker's time, and one collection
    is a pause of about 70 ms that a visitor of the console waits for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


async def _wait_stopped(stopping: asyncio.Task[None], readiness: Readiness) -> None:
    """Wait for the stop up to a limit, which is short if a server does not answer."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + STOP_SECONDS
    while not stopping.done() and clock() < deadline:
        if not readiness.servers_answer:
            deadline = min(deadline, clock() + STOP_SECONDS_ALONE)
        await asyncio.wait([stopping], timeout=1)
    if not stopping.done():
        raise TimeoutError
    stopping.result()
