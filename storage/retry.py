"""The retry policy: what the worker tries again, with which pauses, and for how long.

A server that does not answer is asked again for as long as it takes. Transactions that conflict,
and a commit without an answer, are repeated for some seconds: after that, the caller knows better.
Pauses grow exponentially and are jittered, so that workers do not try again all at once.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    stop_never,
    wait_exponential_jitter,
)

from models.errors import StorageBusy
from storage.port import R

log = structlog.get_logger(__name__)

CONFLICT_SECONDS = 3.0
"""For how long a partition's transaction is retried while another one conflicts with it.

The conflict may come from a crashed worker's open transaction, which ends only when its partitions
are claimed. Give up after this time, so that this worker can release its own partitions.
"""
COMMIT_SECONDS = 10.0
"""For how long a commit without an answer is repeated, before the checkpoint is read."""

_OUTAGE_PAUSE = wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.5)
_CONFLICT_PAUSE = wait_exponential_jitter(multiplier=0.002, max=0.25, jitter=0.01)
_COMMIT_PAUSE = wait_exponential_jitter(multiplier=0.05, max=1, jitter=0.05)
_DELIVERY_PAUSE = wait_exponential_jitter(multiplier=1, max=60, jitter=1)


async def retry_outages(
    call: Callable[[], Awaitable[R]],
    *errors: type[Exception],
    stop: Callable[[RetryCallState], bool] = stop_never,
    before_sleep: Callable[[RetryCallState], None] | None = None,
) -> R:
    """Call until a server answers, or until `stop`; then raise the last error."""
    return await _retry(
        call,
        lambda error: isinstance(error, errors),
        wait=_outage_pause,
        stop=stop,
        before_sleep=before_sleep,
    )


async def retry_conflicts(
    call: Callable[[], Awaitable[R]],
    is_conflict: Callable[[BaseException], bool],
    *,
    has_limit: bool,
    after: Callable[[RetryCallState], None],
) -> R:
    """Retry a transaction that conflicts with another one; without a limit, until it does not."""
    stop = stop_after_delay(CONFLICT_SECONDS) if has_limit else stop_never
    return await _retry(call, is_conflict, wait=_CONFLICT_PAUSE, stop=stop, after=after)


async def retry_commit(
    call: Callable[[], Awaitable[R]], is_unknown: Callable[[BaseException], bool]
) -> R:
    """Retry a commit while its result is unknown: a commit happens once at most."""
    stop = stop_after_delay(COMMIT_SECONDS)
    return await _retry(call, is_unknown, wait=_COMMIT_PAUSE, stop=stop)


async def retry_delivery(
    call: Callable[[], Awaitable[R]],
    error: type[Exception],
    before_sleep: Callable[[RetryCallState], None],
) -> R:
    """Call until somebody else's server has accepted something, however long that takes."""
    return await _retry(
        call,
        lambda raised: isinstance(raised, error),
        wait=_DELIVERY_PAUSE,
        before_sleep=before_sleep,
    )


async def _retry(
    call: Callable[[], Awaitable[R]],
    is_transient: Callable[[BaseException], bool],
    **policy: Any,
) -> R:
    """Call, and again after errors that are transient.

    The library comes in with the first error. Its objects refer to each other, so only the garbage
    collector frees them; four of them in each transaction made it pause for 100 ms.
    """
    try:
        return await call()
    except Exception as error:
        if not is_transient(error):
            raise
        errors = [error]

    async def call_again() -> R:
        if errors:
            raise errors.pop()
        return await call()

    retrying = AsyncRetrying(retry=retry_if_exception(is_transient), reraise=True, **policy)
    return await retrying(call_again)


def log_retry(state: RetryCallState) -> None:
    """Log a database retry: the attempts 1, 2, 4, 8 and so on."""
    if state.attempt_number & (state.attempt_number - 1) == 0:
        log.warning("storage-unavailable", error=str(_error(state)), attempt=state.attempt_number)


def _outage_pause(state: RetryCallState) -> float:
    """Return the seconds until the next attempt: 0 if the database answers but is busy."""
    return 0 if isinstance(_error(state), StorageBusy) else _OUTAGE_PAUSE(state)


def _error(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
