"""A small cache: what many pages ask at once is asked of the database once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_TIMES = 8.0
"""An answer is kept for at least so many times as long as asking took."""
_SLOW = 0.03
"""Seconds from which on nobody waits for an answer that there is an older one of."""
_OLDEST = 120.0
"""How old an answer may be, in seconds, to be given while a newer one is asked for."""


_MOST = 1_000
"""How many answers are kept."""


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Any
    took: float
    asked_at: float
    until: float


class Cache:
    """Keeps answers for a while. `clock` gives seconds.

    What is quick to ask is never older than asked for. What took long is kept longer, and asked
    for anew behind the back of those who look: they get the one before, some seconds older.
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
        """Give an answer that is no older than that; what took long may be older, up to `oldest`.

        An error is not kept.
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
        """Give how many seconds old the kept answer is; 0 where there is none."""
        kept = self._kept.get(name)
        return 0.0 if kept is None else self._clock() - kept.asked_at

    def forget(self) -> None:
        """Ask everything anew."""
        self._kept = {}  # what is being asked now was asked too early, and lands in the old one

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
            except Exception:  # noqa: BLE001 - whoever asks next meets it, and handles it
                self._kept.pop(name, None)
            finally:
                del self._renewing[name]

        self._renewing[name] = asyncio.create_task(renewed())
