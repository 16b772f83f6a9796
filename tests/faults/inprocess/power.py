"""A process's power. When it is cut, nothing that the process still does has an effect."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Weather = Callable[["Power", str], Awaitable[None]]
"""What comes over a process at a step: nothing, a delay, an error, or the end."""


class Power:
    """Every step of a process towards the outside goes through here."""

    def __init__(self, weather: Weather, name: str = "worker") -> None:
        self.is_cut = False
        self.name = name
        self.on_cut: list[Callable[[], None]] = []
        self._weather = weather
        self._tasks: dict[asyncio.Task[Any], None] = {}

    async def step(self, what: str) -> None:
        """Wait for the moment of the next step; `what` begins with storage or kafka.

        Raises:
            CancelledError: The power is cut.
        """
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
