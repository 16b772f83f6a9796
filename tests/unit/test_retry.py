"""A call that succeeds leaves nothing to the garbage collector, which pauses the whole worker."""

import gc
from collections.abc import Iterator

import pytest

from models.errors import StorageUnavailable
from storage.retry import retry_outages


@pytest.fixture(autouse=True)
def _keep_garbage() -> Iterator[None]:
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()


def _of_the_library() -> list[type]:
    gc.collect()
    return [type(one) for one in gc.garbage if type(one).__module__.startswith("tenacity")]


async def test_a_call_that_succeeds_at_once_leaves_no_reference_cycles() -> None:
    async def succeed() -> int:
        return 1

    results = [await retry_outages(succeed, StorageUnavailable) for _ in range(100)]

    assert results == [1] * 100
    assert _of_the_library() == []


async def test_a_call_that_fails_is_repeated_until_it_succeeds() -> None:
    errors = [StorageUnavailable("no answer"), StorageUnavailable("no answer")]
    paused: list[int] = []

    async def succeed_at_last() -> int:
        if errors:
            raise errors.pop()
        return 2

    retried = await retry_outages(
        succeed_at_last,
        StorageUnavailable,
        before_sleep=lambda state: paused.append(state.attempt_number),
    )

    assert (retried, paused) == (2, [1, 2])
    assert _of_the_library(), "the control: after errors, the library leaves some"
