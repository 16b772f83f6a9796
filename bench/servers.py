"""The servers of a part: Kafka and MongoDB's protocol, in a temporary directory."""

import logging
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.processes import cpu_seconds, descendant
from order_import.devtools.embedded.servers import EmbeddedServers

screen = Console(width=120)
_CACHE = "8G"
"""About half of a usual server's memory, as MongoDB takes it: a million orders fit."""
# A new topic's partitions have no leader for a moment; the client logs each retry.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Servers:
    """Their addresses, the engine of the MongoDB protocol, and their processes."""

    kafka: str
    mongo: str
    engine: str
    directory: Path
    kafka_pid: int
    mongo_pid: int

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds that Kafka and MongoDB have used."""
        return cpu_seconds(self.kafka_pid), cpu_seconds(self.mongo_pid)

    def disk(self) -> tuple[float, float]:
        """Return how much MongoDB and Kafka have on disk, in MB."""
        return _size(self.directory / "mongo"), _size(self.directory / "kafka")


def _size(directory: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file()) / 1e6


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run both, with the Rust engine if the machine has it."""
    with tempfile.TemporaryDirectory(prefix="order-import-bench-") as directory:
        path = Path(directory)
        embedded = EmbeddedServers(path, mongo_cache=_CACHE, report=screen.print)
        addresses = await embedded.start()
        try:
            engine = (path / "mongo" / "engine").read_text(encoding="utf-8").strip()
            if engine != "rust":
                screen.print("[bold]secantusd-rs is missing: MongoDB is the slower Python engine")
            yield Servers(
                addresses.kafka_bootstrap or "",
                addresses.mongo_url or "",
                engine,
                path,
                descendant(os.getpid(), "kafka.Kafka"),
                descendant(os.getpid(), "secantusd"),
            )
        finally:
            await embedded.stop()
