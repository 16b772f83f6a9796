"""Odd bytes on Kafka's wire, 20,000 records of them, and damage on a stopped broker's disk.

What has been run is kept in .data/faults/wire.
"""

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from order_import.devtools.embedded import EmbeddedServers
from order_import.devtools.embedded.servers import Addresses
from tests.faults.nursery import ROOT
from tests.faults.wire.campaign import Campaign, Outcome
from tests.integration.kit import open_system
from tests.keys import buyer_keys_in_use

DATA = ROOT / ".data/faults/wire"
console = Console(highlight=False, soft_wrap=True)


async def _run(seed: int, records: int) -> Outcome:
    home = DATA / "servers"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    kafka = EmbeddedServers(home / "kafka", mongo=False)
    mongo = EmbeddedServers(home / "mongo", kafka=False)

    @asynccontextmanager
    async def stopped() -> AsyncIterator[None]:
        await kafka.stop()
        yield
        await kafka.start()

    bootstrap = (await kafka.start()).kafka_bootstrap
    try:
        async with mongo as addresses:
            both = Addresses(bootstrap, addresses.mongo_url)
            async with open_system(both, home, "wire") as system:
                logs = home / "kafka/kafka/logs"
                return await Campaign(system, logs, stopped).run(seed, records)
    finally:
        await kafka.stop()


def main() -> int:
    """Run it if it was not yet, and tell; 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.wire", description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="also if there is a result")
    told = parser.parse_args()
    path = DATA / "result.json"
    if not path.exists() or told.again:
        began = time.monotonic()
        outcome = asyncio.run(_run(told.seed, told.records))
        _keep(path, outcome, told.seed, time.monotonic() - began)
    result = json.loads(path.read_text())
    console.print(
        f"odd bytes: {result['records']:,} records in {result['seconds']:.0f} s, "
        f"{len(result['found'])} violations. {result['kinds']}"
    )
    for line in result["found"][:20]:
        console.print(f"  {line}", markup=False)
    return 1 if result["found"] else 0


def _keep(path: Path, outcome: Outcome, seed: int, seconds: float) -> None:
    result = {
        "seed": seed,
        "seconds": seconds,
        "records": outcome.records,
        "kinds": dict(sorted(outcome.kinds.items())),
        "found": outcome.violations,
    }
    path.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    with buyer_keys_in_use():
        sys.exit(main())
