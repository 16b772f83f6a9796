"""Servers that can be killed and started again, with listeners for proxies."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Self

from order_import.devtools.embedded.directory import DataDirectory
from order_import.devtools.embedded.kafka import KafkaServer
from order_import.devtools.embedded.mongo import MongoServer
from order_import.devtools.embedded.process import HOST, ServerProcess, remembered_ports
from tests.faults.brokers import REPLICATION, Broker, brokers, formatted


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
            files = [f"{kind}-{at}" for at in range(self._proxies) for kind in ("proxy", "proxied")]
            ports = remembered_ports(*(self._directory / name for name in files))
            self.listeners = list(zip(ports[::2], ports[1::2], strict=True))
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
    """Kafka and MongoDB on one directory; Kafka is one broker, or several with replicas."""

    def __init__(self, directory: Path, *, proxies: int = 0, replicated: bool = False) -> None:
        self._directory = DataDirectory(directory)
        self._mongo = MongoServer(directory / "mongo", "auto")
        self._proxied = None if replicated else ProxiedKafka(directory / "kafka", proxies)
        self._kafka_home = directory
        self.brokers: list[Broker] = []
        """Where there are several."""
        self.replication = REPLICATION if replicated else 1
        self.bootstrap = ""
        self.mongo_url = ""

    @property
    def listeners(self) -> list[tuple[int, int]]:
        return [] if self._proxied is None else self._proxied.listeners

    @property
    def mongo_port(self) -> int:
        return int(self.mongo_url.partition("?")[0].rstrip("/").rpartition(":")[2])

    @property
    def _kafkas(self) -> list[KafkaServer]:
        return [*self.brokers] if self._proxied is None else [self._proxied]

    async def __aenter__(self) -> Self:
        await self._directory.acquire(lambda _: None)
        if self._proxied is None:
            self.brokers = brokers(self._kafka_home)
            await formatted(self.brokers)
        await asyncio.gather(self.start_kafka(), self.start_mongo())
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            servers = [*(one.process for one in self._kafkas), self._mongo.process]
            await asyncio.gather(*(server.stop() for server in servers))
        finally:
            self._directory.release()

    async def start_kafka(self) -> None:
        """Start all brokers: several wait for each other."""
        addresses = await asyncio.gather(*(self.start_broker(one) for one in self._kafkas))
        self.bootstrap = ",".join(addresses)

    async def start_broker(self, broker: KafkaServer) -> str:
        """Start one broker; return its address."""
        return await broker.start(self._directory.lock, lambda _: None)

    async def start_mongo(self) -> None:
        self.mongo_url = await self._mongo.start(self._directory.lock)

    async def kill_kafka(self) -> None:
        await asyncio.gather(*(kill(one.process) for one in self._kafkas))

    async def kill_mongo(self) -> None:
        await kill(self._mongo.process)

    async def mend(self) -> None:
        """Start what does not run."""
        dead = [one for one in self._kafkas if not _runs(one.process)]
        await asyncio.gather(*(self.start_broker(one) for one in dead))
        if not self.mongo_runs:
            await self.start_mongo()

    @property
    def kafka_runs(self) -> bool:
        return all(_runs(one.process) for one in self._kafkas)

    @property
    def mongo_runs(self) -> bool:
        return _runs(self._mongo.process)


def _runs(process: ServerProcess) -> bool:
    supervisor = process._process
    return supervisor is not None and supervisor.returncode is None


async def kill(process: ServerProcess) -> None:
    """Kill the server behind its supervisor, as a power cut would."""
    send(process, signal.SIGKILL)
    await _ended(process)


def send(process: ServerProcess, number: signal.Signals) -> None:
    """Send a signal to the server behind its supervisor."""
    supervisor = process._process
    if supervisor is None:
        raise RuntimeError(f"{process.name} was never started")
    pid = supervisor.pid
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), number)


async def _ended(process: ServerProcess) -> None:
    if process._process is not None:
        await process._process.wait()
