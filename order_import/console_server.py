"""The HTTP server under the console: a request has to arrive in time, and an answer be taken."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import h11
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

_REQUEST_WITHIN = 20.0
"""Seconds for a whole request to arrive, head and body, from the moment it is waited for."""
_TAKEN_WITHIN = 60.0
"""Seconds for a client to take some of an answer when it has been sent more than it takes."""
_MOST_WAITING = 256
"""How many connections may wait for a request."""
_MOST_WAITING_OF_ONE = 64
"""How many of them may be of one address: it may be a proxy's."""
_AT_FIRST = 1.0
"""Seconds for which they do not count so: many that come at once are not idle yet."""
_STOP_WITHIN = 5


class Connection(Protocol):
    """What is known of a connection."""

    @property
    def address(self) -> str:
        """Whose it is."""

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is being answered: the next request has not arrived, or not all of it."""

    @property
    def waits_since(self) -> float:
        """From when on, by the loop's clock."""


C = TypeVar("C", bound=Connection)


class BoundedProtocol(H11Protocol):
    """One connection. Idle ones are cut off, the oldest first, before they shut others out."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._request_due = _Deadline()
        self._answer_due = _Deadline()
        self._waits_since = 0.0

    @property
    def address(self) -> str:
        """See the protocol."""
        return self.client[0] if self.client is not None else ""

    @property
    def waits_since(self) -> float:
        """See the protocol."""
        return self._waits_since

    @property
    def is_waiting(self) -> bool:
        """See the protocol."""
        cycle: RequestResponseCycle | None = self.cycle
        return self._is_arriving or cycle is None or cycle.response_complete

    @property
    def _is_arriving(self) -> bool:
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._expect_request()
        there = [one for one in self.connections if isinstance(one, BoundedProtocol)]
        one_too_many = longest_waiting(there, self.address, self.loop.time())
        if one_too_many is not None:
            one_too_many.transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_arriving:
            self._request_due.cancel()
        elif not self._request_due.is_set:
            self._expect_request()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._request_due.cancel()
        self._answer_due.cancel()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_due.set(_TAKEN_WITHIN, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        self._answer_due.cancel()
        super().resume_writing()

    def _expect_request(self) -> None:
        self._waits_since = self.loop.time()
        self._request_due.set(_REQUEST_WITHIN, self.transport.abort)


class _Deadline:
    """Something that happens in some seconds, unless it is canceled before."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        return self._timer is not None

    def set(self, seconds: float, act: Callable[[], None]) -> None:
        self.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, act)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def longest_waiting(connections: Sequence[C], newcomer: str, now: float) -> C | None:
    """Return the connection to cut off: if too many wait, the oldest of who has the most."""
    waiting = [one for one in connections if one.is_waiting]
    of_newcomer = [
        one for one in waiting if one.address == newcomer and now - one.waits_since > _AT_FIRST
    ]
    if len(of_newcomer) > _MOST_WAITING_OF_ONE:
        candidates = of_newcomer
    elif len(waiting) > _MOST_WAITING:
        ((address, _),) = Counter(one.address for one in waiting).most_common(1)
        candidates = [one for one in waiting if one.address == address]
    else:
        return None
    return min(candidates, key=lambda one: one.waits_since)


class ConsoleServer(uvicorn.Server):
    """Uvicorn that leaves signals to us: asked to stop, this process ends with status 0."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                lifespan="off",
                proxy_headers=False,
                timeout_graceful_shutdown=_STOP_WITHIN,
            )
        )

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Finish what is under way, and end."""
        self.should_exit = True
