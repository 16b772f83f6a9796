"""A clock that costs nothing: when nobody has anything to do, it is the next moment at once."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, TypeVar

from structlog.testing import capture_logs
from typing_extensions import override

from tests.builders import NOW
from tests.simulation.power import Power

T = TypeVar("T")
OWNER: ContextVar[Power | None] = ContextVar("OWNER", default=None)
"""The process that the running code belongs to."""


class _Skipping(selectors.SelectSelector):
    """Nothing comes from outside: instead of waiting, the clock is moved on."""

    def __init__(self, move: Callable[[float], None]) -> None:
        super().__init__()
        self._move = move

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits for ever")
        self._move(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop of its own time, whose tasks are known to the process that began them."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Skipping(self._move))
        self.set_task_factory(_owned)

    @override
    def time(self) -> float:
        return self._now

    def _move(self, seconds: float) -> None:
        self._now += max(0.0, seconds)


def now() -> datetime:
    """Give the present, as the loop has it."""
    return NOW + timedelta(milliseconds=int(asyncio.get_running_loop().time() * 1000))


def run(coroutine: Coroutine[Any, Any, T]) -> tuple[T, Sequence[str]]:
    """Run in a time of its own; give the result, and each error that was logged."""
    with capture_logs() as logged, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(coroutine)
    errors = {str(one["event"]) for one in logged if one["log_level"] == "error"}
    return result, [f"logged: {error}" for error in sorted(errors)]


def _owned(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **told: Mapping[str, Any]
) -> "asyncio.Task[Any]":
    options: Any = told
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    owner = OWNER.get()
    if owner is not None:
        owner.owns(task)
    return task
