"""The console's cache: concurrent requests share a query, and slow answers are refreshed."""

import asyncio

import pytest

from order_import.console.cache import Cache


class Source:
    """A query that takes some seconds of a clock of its own, and counts how often it is asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.asked = 0
        self.error: Exception | None = None

    async def ask(self) -> int:
        self.asked += 1
        answer = self.asked
        await asyncio.sleep(0)
        self.now += self.seconds
        if self.error is not None:
            raise self.error
        return answer


async def test_concurrent_requests_share_one_query() -> None:
    source = Source()
    cache = Cache(lambda: source.now)
    answers = await asyncio.gather(*(cache.get("a", 1.0, source.ask) for _ in range(5)))
    assert (answers, source.asked) == ([1] * 5, 1)


async def test_an_answer_of_a_fast_query_is_never_older_than_requested() -> None:
    source = Source()
    cache = Cache(lambda: source.now)
    await cache.get("a", 1.0, source.ask)
    source.now = 0.9
    assert await cache.get("a", 1.0, source.ask) == 1
    assert cache.age("a") == 0.9
    source.now = 1.0
    assert await cache.get("a", 1.0, source.ask) == 2


async def test_an_answer_of_a_slow_query_is_returned_while_it_is_refreshed() -> None:
    source = Source(seconds=1.0)
    cache = Cache(lambda: source.now)
    await cache.get("a", 1.0, source.ask)
    source.now = 9.5  # more than eight times as long as it took
    assert await cache.get("a", 1.0, source.ask, oldest=60.0) == 1
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    assert await cache.get("a", 1.0, source.ask, oldest=60.0) == 2
    source.now = 100.0
    assert await cache.get("a", 1.0, source.ask, oldest=60.0) == 3


async def test_an_error_reaches_all_waiting_requests_and_is_not_cached() -> None:
    source = Source()
    cache = Cache(lambda: source.now)
    source.error = TimeoutError()
    failed = await asyncio.gather(
        *(cache.get("a", 1.0, source.ask) for _ in range(3)), return_exceptions=True
    )
    assert [type(error) for error in failed] == [TimeoutError] * 3
    source.error = None
    assert await cache.get("a", 1.0, source.ask) == 2


async def test_a_query_that_began_before_a_change_is_forgotten_with_the_answers() -> None:
    source = Source()
    cache = Cache(lambda: source.now)
    early = asyncio.create_task(cache.get("a", 1.0, source.ask))
    await asyncio.sleep(0)
    cache.forget()
    assert await cache.get("a", 1.0, source.ask) == 2
    assert await early == 1
    assert await cache.get("a", 1.0, source.ask) == 2


async def test_a_canceled_request_does_not_cancel_the_shared_query() -> None:
    source = Source()
    cache = Cache(lambda: source.now)
    canceled, waiting = (asyncio.create_task(cache.get("a", 1.0, source.ask)) for _ in range(2))
    await asyncio.sleep(0)
    canceled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await canceled
    assert (await waiting, source.asked) == (1, 1)
