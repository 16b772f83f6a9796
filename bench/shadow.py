"""The shadow run: a day of orders decided again under another setting, with nothing written."""

import hashlib
import json
import sys
import time
from asyncio import create_subprocess_exec, subprocess
from typing import Any

import bson

from bench.installation import Installation, installation
from bench.report import Report, at_most
from bench.servers import Servers
from bench.working import working
from bench.workload import orders
from models.topics import TOPICS
from order_import.bootstrap import new_consumer

_MOST_SECONDS = 120.0
_OTHER = ("--set", "store:store-0:import_amazon_orders=false")


async def measure(on: Servers, count: int) -> Report:
    """Have a worker decide so many orders, then run `shadow` on them, as it is and with a setting.

    Raises:
        AssertionError: Something was written, or something differs although nothing was set.
    """
    async with installation(on, "shadow") as here:
        async with working(here, "shadow") as workers:
            await workers.do("orders", orders(count), count)
        before = await _fingerprint(here)
        same, _ = await _shadow(here)
        other, seconds = await _shadow(here, *_OTHER)
        if await _fingerprint(here) != before:
            raise AssertionError("a shadow run has written something")
    if same["differing"] or same["compared"] < count or not other["differing"]:
        raise AssertionError(f"{same['differing']} and {other['differing']} orders differ")
    detail = f"{other['compared']:,} orders, of which {other['differing']:,} differ"
    return Report({}, [at_most("shadow run, seconds", _MOST_SECONDS, [seconds], detail)])


async def _shadow(here: Installation, *options: str) -> tuple[Any, float]:
    command = ("-m", "order_import", "shadow", "--since", "2025-01-01", *options, "--json")
    began = time.time()
    process = await create_subprocess_exec(
        sys.executable, *command, env=here.environment, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise AssertionError(f"the shadow run exited with {process.returncode}")
    return json.loads(output), time.time() - began


async def _fingerprint(here: Installation) -> dict[str, object]:
    """Return a hash of each collection, and where every topic ends."""
    found: dict[str, object] = {}
    for name in await here.database.list_collection_names():
        digest = hashlib.sha256()
        async for document in here.database[name].find().sort("_id", 1):
            digest.update(bson.encode(document))
        found[name] = digest.hexdigest()
    consumer = new_consumer(
        here.settings, [here.settings.topic_prefix + topic.name for topic in TOPICS]
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
    finally:
        await consumer.stop()
    return found | {f"{one.topic}:{one.partition}": end for one, end in ends.items()}
