"""A small cache: what many pages ask at once is asked of the database once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

_TIMES = 8.0
"""An answer is kept for at least so many times as long as asking took."""


class Cache:
    """Answers by name, each for its own while. Who asks while it is being asked waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[object, tuple[float, Any]] = {}
        self._asking: dict[object, asyncio.Lock] = {}

    async def get(self, name: object, seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        """Give an answer that is no older than that; what took long may be older.

        An error is not kept.
        """
        lock = self._asking.setdefault(name, asyncio.Lock())
        async with lock:
            kept = self._kept.get(name)
            if kept is not None and kept[0] > self._clock():
                found: T = kept[1]
                return found
            began = self._clock()
            answer = await ask()
            took = self._clock() - began
            self._kept[name] = (self._clock() + max(seconds, _TIMES * took), answer)
            return answer

    def forget(self) -> None:
        """Ask everything anew."""
        self._kept.clear()
