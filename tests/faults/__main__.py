"""`make faults`: every campaign, several at a time; results are kept and not made again.

`--only NAME --seed N --again` repeats one. The evidence of a campaign that fails is left where its
result says.
"""

import argparse
import asyncio
import logging
import shutil
import sys
import time
import traceback
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from tests.faults import report
from tests.faults.campaign import Result, run_campaign, seed_of
from tests.faults.campaigns.table import Campaign, Servers, table
from tests.faults.cluster import Cluster
from tests.faults.disk import SmallDisk
from tests.faults.nursery import ROOT, Nursery
from tests.keys import buyer_keys_in_use

DATA = ROOT / ".data/faults"
MONGO_PORTS = [27_717 + n for n in range(6)]
"""Below those that any client may get for a moment."""
console = Console(highlight=False)


class Runner:
    """Runs campaigns on the servers they need."""

    def __init__(self, seed: int, at_once: int, deadline: float) -> None:
        self._seed, self._deadline = seed, deadline
        self._slots = asyncio.Semaphore(at_once)
        self._own = asyncio.Semaphore(1)
        self.failed: list[str] = []

    async def run(self, campaigns: list[Campaign], nursery: Nursery, disk: SmallDisk) -> None:
        """Run them all; those on the same servers side by side."""
        shared = [one for one in campaigns if one.servers is Servers.SHARED]
        rest = [one for one in campaigns if one.servers is not Servers.SHARED]
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            if shared:
                # What an earlier run left in its topics would be judged with this one's.
                shutil.rmtree(DATA / "servers", ignore_errors=True)
                cluster = Cluster(DATA / "servers", proxies=2)
                await stack.enter_async_context(cluster)
                for one in shared:
                    group.create_task(self._shared(one, cluster, nursery))
            for one in rest:
                group.create_task(self._alone(one, nursery, disk))

    async def _shared(self, campaign: Campaign, cluster: Cluster, nursery: Nursery) -> None:
        async with self._slots:
            if time.monotonic() < self._deadline:
                await self._one(campaign, cluster, nursery)

    async def _alone(self, campaign: Campaign, nursery: Nursery, disk: SmallDisk) -> None:
        async with self._own:
            if time.monotonic() >= self._deadline:
                return
            home = disk.path if campaign.servers is Servers.FULL else DATA / "own" / campaign.name
            shutil.rmtree(home / "servers", ignore_errors=True)
            replicated = campaign.servers is Servers.REPLICATED
            async with Cluster(home / "servers", replicated=replicated) as cluster:
                await self._one(campaign, cluster, nursery)

    async def _one(self, campaign: Campaign, cluster: Cluster, nursery: Nursery) -> None:
        directory = DATA / "evidence" / campaign.name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        console.print(f"{campaign.name}: begins, seed {seed_of(self._seed, campaign.name)}")
        result = await run_campaign(campaign, cluster, nursery, directory, self._seed)
        (DATA / "results").mkdir(exist_ok=True)
        (DATA / "results" / f"{campaign.name}.json").write_text(result.to_json())
        _tell(result)
        if result.holds:
            shutil.rmtree(directory)
        else:
            self.failed.append(campaign.name)


def _tell(result: Result) -> None:
    word = "[green]holds[/]" if result.holds else "[red]DOES NOT HOLD[/]"
    slowest = max((max(times) for times in result.recovery.values() if times), default=0.0)
    console.print(
        f"{result.name}: {word}, {sum(result.faults.values())} faults, {result.messages} messages,"
        f" slowest recovery {slowest:.1f} s, {result.seconds:.0f} s"
    )
    for line in [*result.errors, *result.verdict.get("found", [])[:5]]:
        console.print(f"  {line}", markup=False)


def main() -> int:
    """Run what has no result yet, print the table, write docs/faults.md; 0 if all holds."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these campaigns")
    parser.add_argument("--seed", type=int, default=1, help="of all; a campaign's is made of it")
    parser.add_argument("--again", action="store_true", help="also those that have a result")
    parser.add_argument("--at-once", type=int, default=4, help="campaigns side by side")
    parser.add_argument("--minutes", type=float, default=1e6, help="then begin no more")
    parser.add_argument("--scale", type=float, default=1, help="0.1: a tenth of the faults")
    parser.add_argument("--report", action="store_true", help="only write docs/faults.md")
    told = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it is told to break
    (DATA / "results").mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    if not told.report:
        failed = asyncio.run(_run(told))
    results = report.load(DATA)
    report.show(results, console)
    if told.scale == 1:
        report.write(results, DATA)
        console.print(f"written: {report.DOCUMENT.relative_to(ROOT)}")
    for name in failed:
        console.print(f"repeat: python -m tests.faults --again --only {name} --seed {told.seed}")
    return 1 if failed or not all(one["holds"] for one in results) else 0


async def _run(told: argparse.Namespace) -> list[str]:
    runner = Runner(told.seed, told.at_once, time.monotonic() + told.minutes * 60)
    with SmallDisk(DATA / "disk") as disk:
        campaigns = [
            one
            for one in table(MONGO_PORTS, disk.path, told.scale)
            if (not told.only or one.name in told.only)
            and (told.again or not _has_result(one.name))
            and (one.servers is not Servers.FULL or disk.there)
        ]
        try:
            async with Nursery() as nursery:
                await runner.run(campaigns, nursery, disk)
        except ExceptionGroup:
            console.print(traceback.format_exc(), markup=False)
            runner.failed.append("the run itself")
    return runner.failed


def _has_result(name: str) -> bool:
    path: Path = DATA / "results" / f"{name}.json"
    return path.exists()


if __name__ == "__main__":
    with buyer_keys_in_use():
        sys.exit(main())
