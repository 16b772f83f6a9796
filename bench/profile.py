"""Where the worker's CPU time goes, by part of the work and by function.

A sampling profiler looks at the running worker from outside, at the threads that run Python, while
it works on a backlog. Its samples give shares; multiplied by the CPU time that the kernel counted,
they are costs. It needs the permission to look (root, or `kernel.yama.ptrace_scope` 0).
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.contenders.contender import OURS
from bench.installation import installation
from bench.processes import cpu_seconds, running
from bench.report import DIRECTORY, ROOT, Report
from bench.servers import Servers
from bench.stacks import PARTS, Stack, by_part, read_stacks, top_functions
from bench.watch import events_out
from bench.working import WARM
from bench.workload import orders

_RATE = 200
"""Samples per second."""
_TOP = 20
_STACKS = DIRECTORY / "profile.stacks"
"""All stacks of the last profile, for programs that draw flame graphs."""


async def measure(on: Servers, count: int) -> Report:
    """Sample the worker's stacks while it decides so many orders."""
    DIRECTORY.mkdir(exist_ok=True)
    async with installation(on, "profile") as here:
        log = on.directory / "profile.log"
        async with running(OURS.command, here.environment, log, ROOT) as process:
            await here.feed(orders(WARM))
            await events_out(here, WARM, process)
            async with _sampling(process.pid, _STACKS):
                before = cpu_seconds(process.pid)
                await here.feed(orders(count, seed=2, start=WARM))
                await events_out(here, WARM + count, process)
                used = cpu_seconds(process.pid) - before
    return Report({"profile": to_markdown(read_stacks(_STACKS), count, used * 1e6 / count)})


@asynccontextmanager
async def _sampling(pid: int, into: Path) -> AsyncIterator[None]:
    """Sample a process for a while; afterwards the stacks are in the file."""
    sampler = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).parent / "py-spy", "record", "--pid", str(pid), "--gil"),
        *("--rate", str(_RATE), "--format", "raw", "--function", "--full-filenames"),
        *("--output", into),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        if sampler.returncode is None:
            sampler.send_signal(signal.SIGINT)
        await sampler.wait()


def to_markdown(stacks: Sequence[Stack], count: int, cpu: float) -> str:
    """Return the parts, and the functions with the most time of their own.

    Args:
        stacks: The sampled stacks.
        count: How many orders were decided meanwhile.
        cpu: The worker's CPU time, in microseconds per order.
    """
    samples = sum(stack.seen for stack in stacks)
    rows = [
        f"{count:,} orders, {samples:,} samples; {cpu:,.0f} µs of CPU an order in total.",
        "",
        "| part | share | CPU µs an order | what it is |",
        "|---|---:|---:|---|",
    ]
    rows += [
        f"| {part} | {share:.0%} | {share * cpu:,.0f} | {PARTS[part]} |"
        for part, share in by_part(stacks).items()
    ]
    rows += ["", "| function | itself | with everything it calls |", "|---|---:|---:|"]
    rows += [
        f"| `{name}` | {own:.1%} | {whole:.1%} |"
        for name, own, whole in top_functions(stacks, _TOP)
    ]
    return "\n".join(rows)
