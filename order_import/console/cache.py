"""A small cache: pages that need the same answer at once share one query."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_TIMES = 8.0
"""An answer is kept for at least this many times the duration of its query."""
_SLOW = 0.03
"""Seconds from which a query counts as slow: then an older answer is returned meanwhile."""
_OLDEST = 120.0
"""The maximum age in seconds of an answer that is returned while it is refreshed."""
_MOST = 1_000
"""The maximum number of answers."""


class _Kept(NamedTuple):
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
        self.forget()

    def forget(self) -> None:
        """Discard all answers, and do not keep those of queries that are still running."""
        self._kept: dict[object, _Kept] = {}
        self._asking: dict[object, asyncio.Task[Any]] = {}

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
        answer: T
        if kept is not None and at < kept.until:
            answer = kept.answer
            return answer
        asking = self._asking.get(name)
        if asking is None:
            asking = asyncio.create_task(self._ask(name, seconds, ask))
            self._asking[name] = asking
            # The next caller gets and handles an error that no caller waits for.
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        if kept is not None and kept.took > _SLOW and at - kept.asked_at < oldest:
            answer = kept.answer
        else:
            answer = await asyncio.shield(asking)
        return answer

    def age(self, name: object) -> float:
        """Return the age of an answer in seconds; 0 if there is none."""
        kept = self._kept.get(name)
        return 0.0 if kept is None else self._clock() - kept.asked_at

    async def _ask(self, name: object, seconds: float, ask: Callable[[], Awaitable[T]]) -> T:
        began, kept, asking = self._clock(), self._kept, self._asking
        try:
            answer = await ask()
        except BaseException:
            kept.pop(name, None)
            raise
        finally:
            asking.pop(name, None)
        took = self._clock() - began
        if len(kept) >= _MOST:
            kept.clear()
        kept[name] = _Kept(answer, took, began, self._clock() + max(seconds, _TIMES * took))
        return answer
