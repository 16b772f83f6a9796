"""Both servers on one data directory, as one thing to start and stop."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from order_import.devtools.embedded.directory import DataDirectory
from order_import.devtools.embedded.kafka import KafkaServer
from order_import.devtools.embedded.mongo import CACHE_SIZE, MongoEngine, MongoServer
from order_import.devtools.embedded.process import ServerProcess

_SAY_SECONDS = 10.0


@dataclass(frozen=True)
class Addresses:
    """Where the servers answer; None for one that was not asked for."""

    kafka_bootstrap: str | None
    mongo_url: str | None


class EmbeddedServers:
    """Kafka and MongoDB for one machine, with their data in one directory.

    Use it as an async context manager, or call `start` and `stop`. The servers end with this
    process, however it ends.

    Args:
        data_dir: Made if missing; one run at a time has it.
        kafka: Whether to run Kafka.
        mongo: Whether to run MongoDB.
        mongo_engine: Which of SecantusDB's servers; `auto` is the one the data was written by,
            and for a new directory the Rust one if the machine has it.
        mongo_cache: How much of its data MongoDB keeps in memory, for example `1G`.
        report: Told, in one line each, what takes long.
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
        """Takes the directory, starts the servers and waits until both answer.

        Raises:
            EmbeddedServerError: One cannot run; nothing is left running.
        """
        await self._directory.acquire(self._report)
        try:
            async with asyncio.TaskGroup() as group:
                kafka = group.create_task(self._say_while("Kafka", self._start_kafka()))
                mongo = group.create_task(self._say_while("MongoDB", self._start_mongo()))
        except BaseException as error:
            await self.stop()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise
        return Addresses(kafka.result(), mongo.result())

    async def watch(self) -> None:
        """Waits until `stop`, or for a server to end by itself.

        Raises:
            EmbeddedServerError: One did.
        """
        await asyncio.gather(*(process.watch() for process in self._processes()))

    async def stop(self) -> None:
        """Stops both servers and gives the directory back; harmless to repeat."""
        try:
            await asyncio.gather(*(process.stop() for process in self._processes()))
        finally:
            self._directory.release()

    async def __aenter__(self) -> Addresses:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _say_while(self, name: str, starting: Coroutine[Any, Any, str | None]) -> str | None:
        """Wait for a start, and report every now and then that it is waited for."""
        task = asyncio.create_task(starting)
        try:
            while not (await asyncio.wait([task], timeout=_SAY_SECONDS))[0]:
                self._report(f"waiting for {name} to answer")
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _start_kafka(self) -> str | None:
        if self._kafka is None:
            return None
        return await self._kafka.start(self._directory.lock, self._report)

    async def _start_mongo(self) -> str | None:
        if self._mongo is None:
            return None
        return await self._mongo.start(self._directory.lock)

    def _processes(self) -> list[ServerProcess]:
        return [server.process for server in (self._kafka, self._mongo) if server is not None]
