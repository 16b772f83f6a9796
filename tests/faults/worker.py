"""The very same worker, with steps at which it may be killed or stopped.

`python -m tests.faults.worker`, or forked by the zygote. The product knows nothing of this: its
methods are wrapped, by name, and a name that is no longer there fails at the start.

`FAULT_STEP` names a step, `FAULT_HIT` says at which time it is reached (1 is the first), and
`FAULT_SIGNAL` what happens then (KILL or STOP). With `FAULT_ARMED=later` counting begins with
SIGUSR1; once more ends it. `FAULT_CLOCK` is a seed: the clock jumps by up to a day, every second.
"""

import asyncio
import functools
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import uvloop
from aiokafka import AIOKafkaProducer

from handlers import unit_of_work
from handlers.blocker_check import BlockerCheckHandler
from models.commands import Recheck, ReplayStep
from order_import import worker as product
from order_import.logs import logging_to_stderr
from order_import.settings import load_settings
from storage.mongo import storage as mongo
from storage.mongo.transaction import MongoTransaction
from streams import clock
from streams.assignment import PartitionAssignment
from streams.publisher import Publisher
from tests.faults import sabotage

Condition = Callable[[tuple[Any, ...]], bool]


class Trap:
    """One step, and what happens when it is reached for the n-th time."""

    def __init__(self, step: str, hit: int, number: int, *, armed: bool) -> None:
        self.step, self.left, self.number, self.armed = step, hit, number, armed

    def toggle(self, *_: object) -> None:
        self.armed = not self.armed

    def reached(self) -> bool:
        """Count; say whether this is the time."""
        if self.armed:
            self.left -= 1
        return self.armed and self.left == 0

    def spring(self) -> None:
        os.kill(os.getpid(), self.number)

    def call(self, owner: Any, name: str) -> None:
        """Before a method that nobody awaits."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self.reached():
                self.spring()
            return original(*args, **kwargs)

        setattr(owner, name, wrapped)

    def before(self, owner: Any, name: str, only: Condition = lambda _: True) -> None:
        async def wrapped(original: Any, *args: Any, **kwargs: Any) -> Any:
            if only(args) and self.reached():
                self.spring()
            return await original(*args, **kwargs)

        _wrap(owner, name, wrapped)

    def after(self, owner: Any, name: str, only: Condition = lambda _: True) -> None:
        async def wrapped(original: Any, *args: Any, **kwargs: Any) -> Any:
            result = await original(*args, **kwargs)
            if only(args) and self.reached():
                self.spring()
            return result

        _wrap(owner, name, wrapped)

    def during(self, owner: Any, name: str) -> None:
        """Some milliseconds after it began, whether or not it has ended by then."""

        async def wrapped(original: Any, *args: Any, **kwargs: Any) -> Any:
            if self.reached():
                loop = asyncio.get_running_loop()
                loop.call_later(Random().uniform(0, 0.006), self.spring)
            return await original(*args, **kwargs)

        _wrap(owner, name, wrapped)


def _wrap(owner: Any, name: str, wrapper: Callable[..., Awaitable[Any]]) -> None:
    original = getattr(owner, name)  # an AttributeError: the product has another name now

    @functools.wraps(original)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        return await wrapper(original, *args, **kwargs)

    setattr(owner, name, wrapped)


def _carries_out(kind: type) -> Condition:
    """Whether `BlockerCheckHandler.handle(self, parsed, …)` has such a command at hand."""

    def so(args: tuple[Any, ...]) -> bool:
        return isinstance(args[1][0][1], kind)

    return so


STEPS: dict[str, Callable[[Trap], None]] = {
    "after poll": lambda t: t.call(PartitionAssignment, "dispatch"),
    "before the transaction": lambda t: t.before(mongo.MongoStorage, "transact"),
    "in the transaction, lock taken": lambda t: t.after(MongoTransaction, "lock"),
    "in the transaction, writing ahead": lambda t: t.after(MongoTransaction, "write_ahead"),
    "in the transaction, written": lambda t: t.after(MongoTransaction, "write"),
    "in the transaction, before commit": lambda t: t.before(mongo, "_commit"),
    "while committing": lambda t: t.during(mongo, "_commit"),
    "after commit, before publish": lambda t: t.after(mongo.MongoStorage, "transact"),
    "before publish": lambda t: t.before(Publisher, "publish"),
    "sent, not acknowledged": lambda t: t.during(AIOKafkaProducer, "send"),
    "after publish": lambda t: t.after(Publisher, "publish"),
    "after publish, before the mark": lambda t: t.before(mongo.MongoStorage, "trim_outbox"),
    "after the mark": lambda t: t.after(mongo.MongoStorage, "trim_outbox"),
    "in a rebalance, taking up": lambda t: t.after(mongo.MongoStorage, "claim"),
    "in a rebalance, handing over": lambda t: t.before(PartitionAssignment, "drain"),
    "in a release": lambda t: t.after(BlockerCheckHandler, "handle", _carries_out(Recheck)),
    "in a replay": lambda t: t.after(BlockerCheckHandler, "handle", _carries_out(ReplayStep)),
}
"""Every step by name, in the order of a batch's life."""


def _jumping(seed: int) -> Callable[[], datetime]:
    """A clock that jumps up to a day, forward or back, every second."""
    told = clock.now

    def now() -> datetime:
        jump = Random(f"{seed} {int(time.monotonic())}").uniform(-86_400, 86_400)
        return told() + timedelta(milliseconds=int(jump * 1000))

    return now


def main() -> int:
    """Run a worker as the environment says; give its exit status."""
    number = signal.Signals[f"SIG{os.environ.get('FAULT_SIGNAL') or 'KILL'}"]
    trap = Trap(
        os.environ.get("FAULT_STEP", ""),
        int(os.environ.get("FAULT_HIT") or 1),
        number,
        armed=os.environ.get("FAULT_ARMED") != "later",
    )
    signal.signal(signal.SIGUSR1, trap.toggle)
    if trap.step:
        STEPS[trap.step](trap)
    if seed := os.environ.get("FAULT_CLOCK"):
        _jumping_clock = _jumping(int(seed))
        for module in (product, clock):
            if not hasattr(module, "now"):
                raise AttributeError(f"{module.__name__} has no clock any more")
            module.now = _jumping_clock  # type: ignore[attr-defined]
    sabotage.apply(os.environ)
    unit_of_work.UNWRITTEN = 2  # The load comes in small batches.
    settings = load_settings()
    with logging_to_stderr(settings):
        status: int = uvloop.run(product.run_worker(settings))
    return status


if __name__ == "__main__":
    sys.exit(main())
