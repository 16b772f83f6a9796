"""Three Kafka brokers, each a controller too: replication 3, two in sync for a write."""

import asyncio
import base64
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from order_import.devtools.embedded.jars import kafka_jars
from order_import.devtools.embedded.kafka import find_java
from order_import.devtools.embedded.process import HOST, remembered_port
from tests.kafkas import ConfiguredKafka

REPLICATION = 3
_PORTS = range(20_000, 30_000)
"""Below those that any client may get while a broker is down."""


class Broker(ConfiguredKafka):
    """One of several brokers below a directory; they are numbered from 1."""

    def __init__(self, directory: Path, number: int) -> None:
        self.number = number
        self.home = _home(directory, number)
        super().__init__(self.home, _properties(directory, number))

    def format_as(self, other: "Broker") -> None:
        """Begin as a member of another one's cluster."""
        logs = self.home / "logs"
        if not (logs / "meta.properties").exists():
            logs.mkdir(parents=True)
            shutil.copy(other.home / "logs/bootstrap.checkpoint", logs)
            lines = (other.home / "logs/meta.properties").read_text().splitlines()
            told = dict(line.split("=", 1) for line in lines if line[:1] != "#")
            told |= {"node.id": str(self.number), "directory.id": _id()}
            text = "".join(f"{name}={value}\n" for name, value in told.items())
            (logs / "meta.properties").write_text(text)


def brokers(directory: Path) -> list[Broker]:
    """Return the brokers below a directory."""
    for number in _numbers():
        _home(directory, number).mkdir(parents=True, exist_ok=True)
        for name in ("port", "controller-port"):
            memory = _home(directory, number) / name
            if not memory.exists():
                memory.write_text(str(secrets.choice(_PORTS)))
    return [Broker(directory, number) for number in _numbers()]


async def formatted(cluster: Sequence[Broker]) -> None:
    """Make one cluster of them."""
    java = await asyncio.to_thread(find_java)
    jars = await asyncio.to_thread(kafka_jars, lambda _: None)
    first, *others = cluster
    await asyncio.to_thread(first._prepare, java, jars)
    for other in others:
        other.format_as(first)


def _properties(directory: Path, number: int) -> dict[str, str]:
    voters = [
        f"{one}@{HOST}:{remembered_port(_home(directory, one) / 'controller-port')}"
        for one in _numbers()
    ]
    return {
        "node.id": str(number),
        "controller.quorum.voters": ",".join(voters),
        "min.insync.replicas": "2",
        "offsets.topic.replication.factor": str(REPLICATION),
        "transaction.state.log.replication.factor": str(REPLICATION),
        "transaction.state.log.min.isr": "2",
        # A replica that is behind, or silent, leaves within seconds and not within thirty.
        "replica.lag.time.max.ms": "5000",
    }


def _home(directory: Path, number: int) -> Path:
    return directory / f"kafka-{number}"


def _numbers() -> range:
    return range(1, REPLICATION + 1)


def _id() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
