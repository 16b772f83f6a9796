"""The worker process: Faust's agents over the ledger, until told to stop or broken."""

import asyncio
import os
import signal
import tempfile
from contextlib import AsyncExitStack
from typing import Any

import structlog

from order_import.clients import connect_storage, faust_credentials, new_consumer, new_producer
from order_import.error_text import error_fields
from order_import.garbage import collect_less_often
from order_import.heartbeat import beat
from order_import.settings import Settings
from order_import.sync_timer import run_sync_timer
from order_import.topic_admin import missing_topics
from order_import.worker_http import serve_health
from order_import.worker_watch import WorkerWatch
from streams.agents import FOLLOWED_BY, STAGES, AppOptions, build_app
from streams.clock import now
from streams.lanes import Lanes
from streams.publisher import Publisher

log = structlog.get_logger(__name__)

BROKEN = 70
"""The exit status of a worker that stopped because something broke (EX_SOFTWARE)."""
STOP_SECONDS = 30.0


async def run_worker(settings: Settings) -> int:
    """Run until a signal (0) or until something is broken (70). A supervisor starts it again."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[BaseException | None] = loop.create_future()

    def end(error: BaseException | None = None) -> None:
        if not ended.done():
            ended.set_result(error)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    missing = await missing_topics(settings)
    if missing:
        log.error("topics-missing", topics=missing, remedy="run: order-import init")
        return BROKEN
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(connect_storage(settings))
        publisher = Publisher(
            lambda: new_producer(settings),
            lambda topics: new_consumer(settings, topics),
            settings.topic_prefix,
        )
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        stages = {settings.topic_prefix + name: stage for name, stage in STAGES.items()}
        prefix = settings.topic_prefix
        followed_by = {prefix + topic: prefix + after for topic, after in FOLLOWED_BY.items()}
        lanes = Lanes(stages, storage, publisher, now, end, settings.batch_size, followed_by)
        options = AppOptions(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            topic_prefix=settings.topic_prefix,
            group=settings.topic_prefix + settings.consumer_group,
            batch_size=settings.batch_size,
            session_timeout=settings.session_timeout,
            credentials=faust_credentials(settings),
        )
        data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="order-import-"))
        app = build_app(options, lanes, data_dir)
        await app.start()
        collect_less_often()
        watch = WorkerWatch(settings, lanes)
        await stack.enter_async_context(serve_health(settings, watch))
        beside = [
            asyncio.create_task(run_sync_timer(settings.sync_interval, storage, publisher)),
            asyncio.create_task(watch.run()),
            asyncio.create_task(beat(settings.stall_seconds, BROKEN)),
        ]
        for task in beside:
            task.add_done_callback(lambda one: None if one.cancelled() else end(one.exception()))
        log.info("worker-started", topics=len(stages))
        crashed = asyncio.create_task(app.wait_until_stopped())
        ends: list[asyncio.Future[Any]] = [ended, crashed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        error = ended.result() if ended.done() else app.crash_reason
        for task in beside:
            task.cancel()
        if error is not None or not ended.done():
            log.error("worker-broken", **({} if error is None else error_fields(error)))
            # Nothing that is still running may go on: what it has not committed is done again.
            os._exit(BROKEN)
        log.info("worker-stopping")
        await asyncio.wait_for(app.stop(), STOP_SECONDS)
        return 0
