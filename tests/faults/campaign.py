"""Runs one campaign from its empty topics to the checker's verdict."""

import asyncio
import json
import signal
import subprocess
import sys
import time
import traceback
import zlib
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.faults.campaigns.table import Campaign
from tests.faults.cluster import Cluster
from tests.faults.dump import dump_database, dump_topics
from tests.faults.installation import Installation
from tests.faults.nursery import ROOT, Nursery


@cache
def _revision() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@dataclass
class Result:
    """What a campaign came to; `verdict` is the checker's own output."""

    name: str
    seed: int
    seconds: float
    messages: int
    faults: dict[str, int]
    recovery: dict[str, list[float]]
    restarts: dict[int, int]
    verdict: dict[str, Any]
    errors: list[str] = field(default_factory=list)
    revision: str = field(default_factory=_revision)
    """The commit that was checked out; `-dirty` with changes of its own."""

    @property
    def holds(self) -> bool:
        counts = {n: c for n, c in self.verdict.get("counts", {"?": 1}).items() if n != "copies"}
        return not self.errors and not any(counts.values())

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "holds": self.holds}, indent=1)


def seed_of(base: int, name: str) -> int:
    """Give a campaign's seed: the same whatever else runs."""
    return base + zlib.crc32(name.encode()) % 1_000_000


async def run_campaign(
    campaign: Campaign, cluster: Cluster, nursery: Nursery, directory: Path, base_seed: int
) -> Result:
    """Run it, let all come to rest, write everything down and have it checked."""
    began = time.monotonic()
    seed = seed_of(base_seed, campaign.name)
    installation = Installation(cluster, nursery, directory, campaign.name, seed)
    installation.rate = campaign.rate
    errors: list[str] = []
    verdict: dict[str, Any] = {}
    try:
        await installation.open()
        try:
            await campaign.run(installation)
        except Exception as error:  # noqa: BLE001 - told in the result; what is left is checked
            errors.append("".join(traceback.format_exception(error))[-3000:])
        # From here on nothing is broken any more.
        installation.bootstrap, installation.mongo_url = cluster.bootstrap, cluster.mongo_url
        for worker in installation.workers:
            if worker.alive:
                await worker.end(signal.SIGKILL)
        await installation.settle()
        await dump_topics(cluster.bootstrap, f"{campaign.name}.", directory, life=1)
        await dump_database(cluster.mongo_url, f"f_{campaign.name}", directory)
        verdict = await _checked(directory)
    except Exception as error:  # noqa: BLE001 - the same
        errors.append("".join(traceback.format_exception(error))[-3000:])
    finally:
        await installation.close()
    return Result(
        campaign.name,
        seed,
        time.monotonic() - began,
        installation.load.count,
        dict(installation.faults),
        dict(installation.recovery),
        dict(installation.restarts),
        verdict,
        errors,
    )


async def _checked(directory: Path) -> dict[str, Any]:
    """Give what the checker says: a process of its own."""
    checker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.checker", str(directory)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await checker.communicate()
    if checker.returncode not in {0, 1} or not out:
        raise RuntimeError(f"the checker failed: {errors.decode()[-2000:]}")
    verdict: dict[str, Any] = json.loads(out)
    return verdict
