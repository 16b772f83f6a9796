"""A small cache: pages that need the same answer at once share one query."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_TIMES = 8.0
"""An answer is kept for at least this many times the duration of its query."""
_SLOW = 0.03
"""Seconds from which a query counts as slow: then an older answer is returned meanwhile."""
_OLDEST = 120.0
"""The maximum age in seconds of an answer that is returned while it is refreshed."""


_MOST = 1_000
"""The maximum number of answers."""


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Any
    took: float
    asked_at: float
    until: float


class Cache:
    """Keeps answers for a while. `clock` returns seconds.

    The answer of a fast query is never older than requested. That of a slow query is kept longer,
    and refreshed in the background while callers still get the old one (stale-while-revalidate).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[object, _Kept] = {}
        self._asking: dict[object, asyncio.Lock] = {}
        self._renewing: dict[object, asyncio.Task[None]] = {}

    async def get(
        self,
        name: object,
        seconds: float,
        ask: Callable[[], Awaitable[T]],
        oldest: float = _OLDEST,
    ) -> T:
        """Return an answer that is at most `seconds` old; of a slow query at most `oldest`.

        An error is not cached.
        """
        kept, at = self._kept.get(name), self._clock()
        if kept is not None:
            answer: T = kept.answer
            if at < kept.until:
                return answer
            if kept.took > _SLOW and at - kept.asked_at < oldest:
                self._renew(name, seconds, ask)
                return answer
        async with self._asking.setdefault(name, asyncio.Lock()):
            kept = self._kept.get(name)
            if kept is not None and self._clock() < kept.until:
                asked_meanwhile: T = kept.answer
                return asked_meanwhile
            return await self._ask(name, seconds, ask)

    def age(self, name: object) -> float:
        """Return the age of an answer in seconds; 0 if there is none."""
        kept = self._kept.get(name)
        return 0.0 if kept is None else self._clock() - kept.asked_at

    def forget(self) -> None:
        """Discard all answers."""
        self._kept = {}  # queries in flight began too early: they fill the old dictionary

    async def _ask(self, name: object, seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        began, kept = self._clock(), self._kept
        answer = await ask()
        took = self._clock() - began
        if len(kept) >= _MOST:
            kept.clear()
            self._asking.clear()
        until = self._clock() + max(seconds, _TIMES * took)
        kept[name] = _Kept(answer, took, began, until)
        return answer

    def _renew(self, name: object, seconds: float, ask: Callable[[], Awaitable[T]]) -> None:
        if name in self._renewing:
            return

        async def renewed() -> None:
            try:
                await self._ask(name, seconds, ask)
            except Exception:  # noqa: BLE001 - the next caller gets and handles it
                self._kept.pop(name, None)
            finally:
                del self._renewing[name]

        self._renewing[name] = asyncio.create_task(renewed())
