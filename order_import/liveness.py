"""Detect a worker that no longer makes progress: a stalled partition, or a blocked event loop."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError

from models.messages import TopicPartition
from order_import.bootstrap import new_consumer
from order_import.settings import Settings
from streams.assignment import PartitionAssignment
from streams.watchdog import Stall, Watchdog

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
LONGEST_PAUSE = 10.0
_TIMEOUT = 10.0


class Stalled(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The worker makes no progress: a new process has to take over."""


class WorkerWatch:
    """Checks the processors against the ends of their logs, over a connection of its own."""

    def __init__(self, settings: Settings, partition_assignment: PartitionAssignment) -> None:
        self._settings = settings
        self._processors = partition_assignment
        self._ends: Mapping[TopicPartition, int] = {}

    @property
    def partitions(self) -> int:
        """How many partitions this worker has."""
        return len(self._processors.progress())

    @property
    def lag(self) -> int:
        """How many messages of its partitions are undecided."""
        return sum(self.lag_by_partition.values())

    @property
    def lag_by_partition(self) -> Mapping[TopicPartition, int]:
        """How many messages of each of its partitions are undecided."""
        return {
            source: max(0, self._ends.get(source, 0) - now.committed_offset)
            for source, now in self._processors.progress().items()
        }

    async def run(self) -> None:
        """Watch until canceled.

        Raises:
            Stalled: A partition makes no progress.
        """
        seconds = self._settings.stall_seconds
        watchdog = Watchdog(seconds)
        async with AsyncExitStack() as stack:
            consumer: AIOKafkaConsumer | None = None
            while True:
                progress = self._processors.progress()
                with suppress(KafkaError, TimeoutError, OSError):
                    if consumer is None:
                        consumer = await self._connect(stack)
                    self._ends = await _ends(consumer, progress.keys())
                since = self._processors.assigning_since
                if since is not None and time.monotonic() - since > seconds:
                    raise Stalled("partitions were assigned, but not claimed")
                for stall in watchdog.check(progress, self._ends, time.monotonic()):
                    if not stall.is_unread or await self._has_unread(stall):
                        raise Stalled(str(stall))
                await asyncio.sleep(min(LONGEST_PAUSE, seconds / 5))

    async def _connect(self, stack: AsyncExitStack) -> AIOKafkaConsumer:
        consumer = new_consumer(self._settings, ())
        try:
            await asyncio.wait_for(consumer.start(), _TIMEOUT)
        except BaseException:
            await consumer.stop()
            raise
        stack.push_async_callback(consumer.stop)
        return consumer

    async def _has_unread(self, stall: Stall) -> bool:
        consumer = new_consumer(self._settings, ())
        partition = KafkaPartition(*stall.source)
        try:
            async with asyncio.timeout(_TIMEOUT):
                await consumer.start()
                consumer.assign([partition])
                consumer.seek(partition, stall.progress.received_offset)
                return bool(await consumer.getmany(timeout_ms=2_000, max_records=1))
        except (KafkaError, TimeoutError, OSError):
            return False  # then the problem is Kafka's
        finally:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), _TIMEOUT)


async def _ends(
    consumer: AIOKafkaConsumer, sources: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    partitions = [KafkaPartition(*source) for source in sources]
    async with asyncio.timeout(_TIMEOUT):
        ends = await consumer.end_offsets(partitions) if partitions else {}
    return {TopicPartition(*partition): end for partition, end in ends.items()}


async def beat(seconds: float, status: int, end: Callable[[int], None] = os._exit) -> None:
    """Beat until canceled; a thread ends the process if the beat stops for some seconds.

    It stops if the event loop is blocked. The process ends with this exit status.
    """
    last = [time.monotonic()]
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(BEAT_SECONDS):
            late = time.monotonic() - last[0]
            if late > seconds:
                log.error("worker-broken", error="Stalled", reason=f"no step for {late:.0f} s")
                end(status)
                return

    threading.Thread(target=watch, name="heartbeat", daemon=True).start()
    try:
        while True:
            last[0] = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
    finally:
        stopped.set()
