"""A process has power, and a weather. What it still does without power has no effect."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Weather = Callable[["Power", str], Awaitable[None]]
"""What comes over a process at a step: nothing, a delay, an error, or the end."""


async def calm(_power: "Power", _what: str) -> None:
    """Nothing comes over a process, but that others go on meanwhile."""
    await asyncio.sleep(0)


class Power:
    """Every step of a process towards the outside goes through here."""

    def __init__(self, weather: Weather = calm, name: str = "worker") -> None:
        self.is_cut = False
        self.name = name
        self.on_cut: list[Callable[[], None]] = []
        self.asleep_until = 0.0
        """While it is stopped, it does nothing, and does not know."""
        self._weather = weather
        self._tasks: dict[asyncio.Task[Any], None] = {}

    async def step(self, what: str) -> None:
        """Wait for the moment of the next step; `what` begins with storage or kafka.

        Raises:
            CancelledError: The power is cut.
        """
        pause = self.asleep_until and self.asleep_until - asyncio.get_running_loop().time()
        if pause > 0:
            await asyncio.sleep(pause)
        if not self.is_cut:
            await self._weather(self, what)
        if self.is_cut:
            raise asyncio.CancelledError

    def owns(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task that ends with the power."""
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def cut(self) -> None:
        """Cut it: all that the process has in memory is gone."""
        if self.is_cut:
            return
        self.is_cut = True
        for tell in self.on_cut:
            tell()
        for task in list(self._tasks):
            task.cancel()

    async def ended(self) -> None:
        """Wait until the last task has ended."""
        while self._tasks:
            # Once more each time: `asyncio.wait_for` may swallow a cancellation.
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(list(self._tasks), timeout=1)
