"""Servers that can be killed and started again, with listeners for proxies."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Self

from order_import.embedded.directory import DataDirectory
from order_import.embedded.kafka import KafkaServer
from order_import.embedded.mongo import MongoServer
from order_import.embedded.ports import HOST, remembered_port
from order_import.embedded.process import ServerProcess


class ProxiedKafka(KafkaServer):
    """Kafka with more listeners, each of which sends its clients to a proxy's port."""

    def __init__(self, directory: Path, proxies: int) -> None:
        super().__init__(directory)
        self.listeners: list[tuple[int, int]] = []
        """Per proxy: the proxy's port and the listener's behind it."""
        self._proxies = proxies
        self._directory = directory

    def _prepare(self, java: Path, jars: list[Path]) -> int:
        port = super()._prepare(java, jars)
        if len(self.listeners) < self._proxies:
            self.listeners = [
                (
                    remembered_port(self._directory / f"proxy-{at}"),
                    remembered_port(self._directory / f"proxied-{at}"),
                )
                for at in range(self._proxies)
            ]
        behind = "".join(f",P{at}://{HOST}:{to}" for at, (_, to) in enumerate(self.listeners))
        told = "".join(f",P{at}://{HOST}:{by}" for at, (by, _) in enumerate(self.listeners))
        names = "".join(f",P{at}:PLAINTEXT" for at in range(self._proxies))
        lines = []
        path = self._directory / "server.properties"
        for line in path.read_text().splitlines():
            name = line.partition("=")[0]
            more = {
                "listeners": behind,
                "advertised.listeners": told,
                "listener.security.protocol.map": names,
            }
            lines.append(line + more.get(name, ""))
        path.write_text("\n".join(lines) + "\n")
        return port


class Cluster:
    """Kafka and MongoDB on one directory."""

    def __init__(self, directory: Path, *, proxies: int = 0) -> None:
        self._directory = DataDirectory(directory)
        self.kafka_listeners = proxies
        self._kafka = ProxiedKafka(directory / "kafka", proxies)
        self._mongo = MongoServer(directory / "mongo", "auto")
        self.bootstrap = ""
        self.mongo_url = ""

    @property
    def listeners(self) -> list[tuple[int, int]]:
        return self._kafka.listeners

    @property
    def mongo_port(self) -> int:
        return int(self.mongo_url.partition("?")[0].rstrip("/").rpartition(":")[2])

    async def __aenter__(self) -> Self:
        await self._directory.acquire(lambda _: None)
        await asyncio.gather(self.start_kafka(), self.start_mongo())
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await asyncio.gather(self._kafka.process.stop(), self._mongo.process.stop())
        finally:
            self._directory.release()

    async def start_kafka(self) -> None:
        self.bootstrap = await self._kafka.start(self._directory.lock, lambda _: None)

    async def start_mongo(self) -> None:
        self.mongo_url = await self._mongo.start(self._directory.lock)

    async def kill_kafka(self) -> None:
        await _kill(self._kafka.process)

    async def kill_mongo(self) -> None:
        await _kill(self._mongo.process)

    async def wait_kafka_ended(self) -> None:
        """Wait until Kafka ends by itself (a full disk ends it)."""
        await _ended(self._kafka.process)

    @property
    def kafka_runs(self) -> bool:
        return _runs(self._kafka.process)

    @property
    def mongo_runs(self) -> bool:
        return _runs(self._mongo.process)


def _runs(process: ServerProcess) -> bool:
    supervisor = process._process
    return supervisor is not None and supervisor.returncode is None


async def _kill(process: ServerProcess) -> None:
    """Kill the server behind its supervisor, as a power cut would."""
    supervisor = process._process
    if supervisor is None:
        raise RuntimeError(f"{process.name} was never started")
    _kill_children(supervisor.pid)
    await _ended(process)


def _kill_children(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)


async def _ended(process: ServerProcess) -> None:
    if process._process is not None:
        await process._process.wait()
