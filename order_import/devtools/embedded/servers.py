"""Start and stop both embedded servers together, on one data directory."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from order_import.devtools.embedded.directory import DataDirectory
from order_import.devtools.embedded.kafka import KafkaServer
from order_import.devtools.embedded.mongo import CACHE_SIZE, MongoEngine, MongoServer
from order_import.devtools.embedded.process import ServerProcess

T = TypeVar("T")
_REPORT_SECONDS = 10.0


@dataclass(frozen=True)
class Addresses:
    """The servers' addresses; None for a server that was not requested."""

    kafka_bootstrap: str | None
    mongo_url: str | None


class EmbeddedServers:
    """Kafka and MongoDB for one machine, with their data in one directory.

    Use it as an async context manager, or call `start` and `stop`. The servers end with this
    process, however it ends.

    Args:
        data_dir: Created if missing; only one run can use it at a time.
        kafka: Whether to run Kafka.
        mongo: Whether to run MongoDB.
        mongo_engine: Which of SecantusDB's servers; `auto` is the one that wrote the data, and for
            a new directory the Rust one if available.
        mongo_cache: The size of MongoDB's cache in memory, for example `1G`.
        report: Called with one line for each slow step.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        kafka: bool = True,
        mongo: bool = True,
        mongo_engine: MongoEngine = "auto",
        mongo_cache: str = CACHE_SIZE,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._directory = DataDirectory(data_dir)
        self._report = report
        self._kafka = KafkaServer(self._directory.path / "kafka") if kafka else None
        self._mongo: MongoServer | None = None
        if mongo:
            self._mongo = MongoServer(self._directory.path / "mongo", mongo_engine, mongo_cache)

    @property
    def lock(self) -> int:
        """The data directory's lock, for child processes that belong to this run."""
        return self._directory.lock

    async def start(self) -> Addresses:
        """Lock the directory, start the servers, and wait until both answer.

        Raises:
            EmbeddedServerError: A server cannot run; none is left running.
        """
        await self._directory.acquire(self._report)
        try:
            kafka = mongo = None
            async with asyncio.TaskGroup() as group:
                if self._kafka is not None:
                    starting = self._kafka.start(self.lock, self._report)
                    kafka = group.create_task(self._report_while("Kafka", starting))
                if self._mongo is not None:
                    starting = self._mongo.start(self.lock)
                    mongo = group.create_task(self._report_while("MongoDB", starting))
        except BaseException as error:
            await self.stop()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise
        return Addresses(
            None if kafka is None else kafka.result(), None if mongo is None else mongo.result()
        )

    async def watch(self) -> None:
        """Wait until `stop`.

        Raises:
            EmbeddedServerError: A server ended by itself.
        """
        await asyncio.gather(*(process.watch() for process in self._processes()))

    async def stop(self) -> None:
        """Stop both servers and unlock the directory. Harmless to repeat."""
        try:
            await asyncio.gather(*(process.stop() for process in self._processes()))
        finally:
            self._directory.release()

    async def __aenter__(self) -> Addresses:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _report_while(self, name: str, starting: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(starting)
        try:
            while not (await asyncio.wait([task], timeout=_REPORT_SECONDS))[0]:
                self._report(f"waiting for {name} to answer")
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _processes(self) -> list[ServerProcess]:
        return [server.process for server in (self._kafka, self._mongo) if server is not None]
