"""`python -m bench.profile`: where the worker's CPU time goes, by part and by function.

A sampling profiler looks at the running worker from outside, while it does orders that come all at
once. It takes the threads that run Python.
Its samples give shares; what a share is worth is the CPU time that the kernel counted meanwhile.
It has to be allowed to look (as root, or with `kernel.yama.ptrace_scope` 0).
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contenders.contender import CONTENDERS
from bench.installation import installation
from bench.processes import cpu_seconds, running
from bench.records import DIRECTORY, keep
from bench.revision import check_out
from bench.servers import Servers, console, servers
from bench.stacks import PARTS, Stack, by_part, read_stacks, top_functions
from bench.watch import events_out
from bench.workload import orders

RATE = 200
"""Samples per second."""
WARM = 500
"""Orders that are done before the first sample, so that no start is in it."""
_TOP = 20


@dataclass(frozen=True)
class Profile:
    """Shares of the worker's CPU time, and what all of it is, in microseconds per order."""

    name: str
    orders: int
    samples: int
    cpu: float
    parts: Mapping[str, float]
    functions: Sequence[tuple[str, float, float]]
    """Names with their own share and that of all they call."""


async def measure(
    on: Servers, count: int, asked: Mapping[str, Any], name: str = "ours"
) -> list[Profile]:
    """Have one contender do so many orders while its stacks are sampled."""
    contender = next(one for one in CONTENDERS if one.name == name)
    DIRECTORY.mkdir(exist_ok=True)
    raw = DIRECTORY / f"profile-{name}.stacks"
    raw.write_text("", encoding="utf-8")
    async with installation(on, f"profile-{name}") as here:
        log = on.directory / f"profile-{name}.log"
        code = check_out(contender.revision)
        async with running(contender.command, here.environment, log, code) as process:
            await here.feed(orders(WARM))
            await events_out(here, WARM, process)
            async with _sampling(process.pid, raw):
                before = cpu_seconds(process.pid)
                await here.feed(orders(count, seed=2, start=WARM))
                await events_out(here, WARM + count, process)
                used = cpu_seconds(process.pid) - before
    found = profile_of(name, read_stacks(raw), count, used)
    part = "profile" if name == "ours" else f"profile-{name}"
    keep(part, [found], asked=asked, engine=on.engine)
    console.print(as_markdown(found), highlight=False)
    return [found]


def profile_of(name: str, stacks: Sequence[Stack], count: int, used: float) -> Profile:
    """Give the profile of sampled stacks."""
    samples = sum(one.seen for one in stacks)
    functions = top_functions(stacks, _TOP)
    return Profile(name, count, samples, used * 1e6 / count, by_part(stacks), functions)


@asynccontextmanager
async def _sampling(pid: int, into: Path) -> AsyncIterator[None]:
    """Sample a process for a while; the stacks are in the file afterwards."""
    spy = Path(sys.executable).parent / "py-spy"
    sampler = await asyncio.create_subprocess_exec(
        *(spy, "record", "--pid", str(pid), "--rate", str(RATE), "--gil"),
        *("--format", "raw", "--function", "--full-filenames", "--output", into),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        if sampler.returncode is None:
            sampler.send_signal(signal.SIGINT)
        await sampler.wait()


def as_markdown(profile: Profile) -> str:
    """Give the tables: the parts, and the functions with most time of their own."""
    rows = [
        (
            f"{profile.orders:,} orders, {profile.samples:,} samples; {profile.cpu:,.0f} µs of "
            "CPU an order in all."
        ),
        "",
        "| part | share | CPU µs an order | what it is |",
        "|---|---:|---:|---|",
    ]
    rows += [
        f"| {part} | {share:.0%} | {share * profile.cpu:,.0f} | {PARTS[part]} |"
        for part, share in profile.parts.items()
    ]
    rows += ["", "| function | itself | with all it calls |", "|---|---:|---:|"]
    rows += [f"| `{name}` | {own:.1%} | {whole:.1%} |" for name, own, whole in profile.functions]
    return "\n".join(rows)


async def _run(count: int, name: str) -> None:
    async with servers() as on:
        await measure(on, count, {"orders": count}, name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--of", default="ours", help="the contender to look at")
    told = parser.parse_args()
    asyncio.run(_run(told.orders, told.of))
