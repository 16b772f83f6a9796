"""The worker's liveness and readiness over HTTP, for supervisors and load balancers."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

import h11
import structlog
import uvicorn
from aiohttp import web
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from order_import.liveness import WorkerWatch
from order_import.readiness import Readiness
from order_import.settings import PREFIX, Settings, SettingsError

log = structlog.get_logger(__name__)


@asynccontextmanager
async def serve_health(
    settings: Settings, readiness: Readiness, watch: WorkerWatch
) -> AsyncIterator[None]:
    """Answer on the address the settings name, if they name one.

    `/healthz` is 200 while the process runs: one that stands still ends itself. `/readyz` is 200
    while the worker is in its group, Kafka and MongoDB answer and all topics are as they must be,
    else 503.

    Raises:
        SettingsError: It cannot listen there.
    """
    if settings.worker_health_port is None:
        yield
        return

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "running", "lag": watch.lag})

    async def readyz(_: web.Request) -> web.Response:
        ready = readiness.is_ready
        told = {
            "ready": ready,
            "kafka": "answers" if readiness.kafka is None else "does not answer",
            "mongodb": "answers" if readiness.mongodb is None else "does not answer",
            "state": readiness.state,
            "topics": [str(problem) for problem in readiness.topics],
            "partitions": watch.partitions,
            "lag": watch.lag,
        }
        return web.json_response(told, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = settings.worker_health_host, settings.worker_health_port
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            name = f"{PREFIX}WORKER_HEALTH_PORT"
            why = os.strerror(error.errno or 0)
            raise SettingsError(f"{name}: cannot listen on {host}:{port}: {why}") from None
        log.info("worker-health", host=host, port=port)
        yield
    finally:
        await runner.cleanup()


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
