"""Faults of the worker process: killed, told to stop, stopped and gone on, too many at once."""

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.installation import SESSION, Installation
from tests.faults.nursery import Worker
from tests.waiting import PATIENCE

TAKING_UP, HANDING_OVER = "in a rebalance, taking up", "in a rebalance, handing over"
_RARE = {"in a release", "in a replay", HANDING_OVER, TAKING_UP, "after the mark"}


async def stepped_kills(field: Installation, steps: Sequence[str], each: int) -> None:
    """Kill at every step so many times; the next worker is started at once."""
    plan = [step for step in steps for _ in range(each)]
    field.random.shuffle(plan)
    field.busy()
    died = time.monotonic()
    for step in plan:
        hit = field.random.randint(1, 2 if step in _RARE else 6)
        if step == HANDING_OVER:
            hit = 1  # there is one, when the second worker comes
        worker = await field.start(step, hit, later=step != TAKING_UP)
        if step != TAKING_UP:
            await field.recovers("killed at a step", died)
            worker.send(signal.SIGUSR1)
        second = await field.start() if step == HANDING_OVER else None
        try:
            status = await asyncio.wait_for(asyncio.shield(worker.ended), PATIENCE)
        except TimeoutError:
            field.faults[f"step not reached: {step}"] += 1
            status = await worker.end(signal.SIGKILL)
        else:
            field.faults[f"kill: {step}"] += status == -signal.SIGKILL
        died = time.monotonic()
        if second is not None:
            await second.end(signal.SIGKILL)
    await _last(field, "killed at a step", died)


async def random_kills(field: Installation, count: int) -> None:
    """Kill at any time, also while the worker is still starting."""
    field.busy()
    died = time.monotonic()
    for _ in range(count):
        worker = await field.start()
        if field.random.random() < 0.15:
            await asyncio.sleep(field.random.uniform(0, 6))
        else:
            await field.recovers("killed at random", died)
            await asyncio.sleep(field.random.expovariate(1 / 0.4))
        await worker.end(signal.SIGKILL)
        field.faults["random kill"] += 1
        died = time.monotonic()
    await _last(field, "killed at random", died)


async def terminations(field: Installation, count: int) -> None:
    """Tell it to stop, under load: it ends with 0."""
    field.busy()
    ended = time.monotonic()
    for _ in range(count):
        worker = await field.start()
        await field.recovers("SIGTERM", ended)
        await asyncio.sleep(field.random.uniform(0, 1))
        ended = time.monotonic()
        status = await worker.end(signal.SIGTERM)
        field.faults["SIGTERM" if status == 0 else f"SIGTERM, ended with {status}"] += 1
    await _last(field, "SIGTERM", ended)


async def zombies(field: Installation, steps: Sequence[str], count: int) -> None:
    """Stop one of two past its session, at a step or at random; then let it go on."""
    field.busy()
    async with field.supervised(1):
        for at in range(count):
            step = field.random.choice(steps) if at % 2 else ""
            zombie = await field.start(step, number="STOP", later=True)
            await field.wait_for_backlog(dict(field.load.reached))
            # Until it has partitions of its own: its join moves them.
            await asyncio.sleep(field.random.uniform(1.5, 2.5))
            if step:
                zombie.send(signal.SIGUSR1)
                if not await has_stopped(zombie, 8):
                    zombie.send(signal.SIGUSR1)  # not reached, and not to be reached later
            zombie.send(signal.SIGSTOP)
            since = time.monotonic()
            await asyncio.sleep(SESSION + field.random.uniform(1, 3))
            await field.recovers("stopped past its session", since)
            zombie.send(signal.SIGCONT)
            field.faults[f"zombie: {step}" if step else "zombie: at random"] += 1
            try:
                status = await asyncio.wait_for(asyncio.shield(zombie.ended), 2.5)
                field.faults[f"a zombie ended itself with {status}"] += 1
            except TimeoutError:
                field.faults["a zombie rejoined"] += 1
                await zombie.end(field.random.choice([signal.SIGTERM, signal.SIGKILL]))


async def storms(field: Installation, rounds: int) -> None:
    """Two to three workers; in each round some come and go, in good order or not."""
    field.busy()
    workers = [await field.start(), await field.start()]
    for _ in range(rounds):
        for _ in range(field.random.randint(1, 3)):
            workers = [one for one in workers if one.alive]
            if len(workers) < 2 or (len(workers) == 2 and field.random.random() < 0.5):
                workers.append(await field.start())
            else:
                how = field.random.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGKILL])
                await field.random.choice(workers).end(how)
            field.faults["worker came or went"] += 1
            await asyncio.sleep(field.random.uniform(0.1, 1.5))
        since = time.monotonic()
        field.faults["rebalance storm"] += 1
        if not any(one.alive for one in workers):
            workers.append(await field.start())
        await field.recovers("rebalance storm", since)


async def clock_jumps(field: Installation, seconds: int) -> None:
    """Workers whose clock jumps by up to a day every second; now and then one is killed."""
    field.busy()
    for _ in range(seconds // 10):
        worker = await field.start(clock=field.random.randint(1, 1_000_000))
        since = time.monotonic()
        await field.recovers("killed with a jumping clock", since)
        await asyncio.sleep(max(0.5, 10 - (time.monotonic() - since)))
        field.faults["clock jump"] += 10
        await worker.end(signal.SIGKILL)


async def _last(field: Installation, kind: str, since: float) -> None:
    worker = await field.start()
    await field.recovers(kind, since)
    await worker.end(signal.SIGTERM)


async def has_stopped(worker: Worker, seconds: float) -> bool:
    """Wait until a process has stopped itself, at most so long; say whether it has."""
    deadline = time.monotonic() + seconds
    while worker.alive and time.monotonic() < deadline:
        if _state(worker.pid) == "T":
            return True
        await asyncio.sleep(0.05)
    return False


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
