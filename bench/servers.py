"""The servers of a run: Kafka and the MongoDB protocol, on a directory that is thrown away."""

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

console = Console(width=120)
_CACHE = "8G"
"""Some half of a usual server's memory, as MongoDB takes it: a million orders fit."""
# A new topic's partitions have no leader for a moment: it tries again, and says so each time.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Servers:
    """Where they answer, which MongoDB engine it is, and their processes."""

    kafka: str
    mongo: str
    engine: str
    directory: Path
    kafka_pid: int
    mongo_pid: int

    def cpu(self) -> tuple[float, float]:
        """Give the CPU seconds of Kafka and of MongoDB so far."""
        return cpu_seconds(self.kafka_pid), cpu_seconds(self.mongo_pid)

    def disk(self) -> tuple[float, float]:
        """Give how much MongoDB and Kafka have on disk, in MB."""
        return _size(self.directory / "mongo"), _size(self.directory / "kafka")


def _size(directory: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file()) / 1e6


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run both. The Rust engine is taken if the machine has it, else the Python one, said aloud."""
    with tempfile.TemporaryDirectory(prefix="order-import-bench-") as directory:
        path = Path(directory)
        embedded = EmbeddedServers(path, mongo_cache=_CACHE, report=console.print)
        addresses = await embedded.start()
        try:
            engine = (path / "mongo" / "engine").read_text(encoding="utf-8").strip()
            if engine != "rust":
                console.print("[bold]secantusd-rs is not here: MongoDB is the slower Python engine")
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
