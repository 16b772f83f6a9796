"""Faults of the servers: killed and started again, down for long, out of disk."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.faults.installation import Installation

Act = Callable[[], Awaitable[None]]


async def kafka_kills(field: Installation, count: int) -> None:
    """Kill Kafka, start it again some seconds later."""
    cluster = field.cluster
    await _bounce(field, "Kafka killed", cluster.kill_kafka, cluster.start_kafka, count, 2)


async def mongo_kills(field: Installation, count: int) -> None:
    """Kill MongoDB, start it again some seconds later."""
    cluster = field.cluster
    await _bounce(field, "MongoDB killed", cluster.kill_mongo, cluster.start_mongo, count, 3)


async def kafka_down(field: Installation, count: int, seconds: float) -> None:
    """Kafka is away for long."""
    cluster = field.cluster
    kind = f"Kafka down for {seconds:.0f} s"
    await _bounce(field, kind, cluster.kill_kafka, cluster.start_kafka, count, 0, seconds)


async def mongo_down(field: Installation, count: int, seconds: float) -> None:
    """MongoDB is away for long, and a worker dies meanwhile: its partitions move to the other."""
    cluster = field.cluster
    kind = f"MongoDB down for {seconds:.0f} s"

    async def kill() -> None:
        await cluster.kill_mongo()
        alive = [one for one in field.workers if one.alive]
        await field.random.choice(alive).end(signal.SIGKILL)

    await _bounce(field, kind, kill, cluster.start_mongo, count, 0, seconds)


async def _bounce(
    field: Installation,
    kind: str,
    kill: Act,
    start: Act,
    count: int,
    spread: float,
    down: float = 0,
) -> None:
    field.busy()
    async with field.supervised(2):
        await field.wait_for_backlog(dict(field.load.reached))
        for _ in range(count):
            await asyncio.sleep(field.random.uniform(0.2, 1.5))
            await kill()
            await asyncio.sleep(down + field.random.uniform(0, spread))
            await start()
            field.faults[kind] += 1
            # What the load sends once Kafka is back is waited for too: it shows that all goes on.
            await field.recovers(kind, time.monotonic())


async def disk_full(field: Installation, disk: Path, count: int) -> None:
    """Fill the disk that both servers write to; some seconds later there is room again."""
    filler = disk / "filler"
    cluster = field.cluster
    field.busy()
    async with field.supervised(2):
        for _ in range(count):
            await field.wait_for_backlog(dict(field.load.reached))
            fill(filler, shutil.disk_usage(disk).free)
            await asyncio.sleep(field.random.uniform(8, 12))
            target = dict(field.load.reached)
            filler.unlink()
            field.faults["disk full"] += 1
            field.faults["disk full: Kafka ended"] += not cluster.kafka_runs
            field.faults["disk full: MongoDB ended"] += not cluster.mongo_runs
            # A server that goes on with half of its files broken is started anew, as one would.
            await cluster.kill_kafka()
            await cluster.kill_mongo()
            await asyncio.gather(cluster.start_kafka(), cluster.start_mongo())
            await field.recovers("disk full", time.monotonic(), target)


def fill(filler: Path, free: int) -> None:
    """Take all the room there is."""
    with contextlib.suppress(OSError), filler.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, free)
    with contextlib.suppress(OSError), filler.open("ab") as out:
        while True:
            out.write(b"\0" * 65_536)
            out.flush()
