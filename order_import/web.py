"""The HTTP servers: health endpoints, metrics, and uvicorn with limits for the console."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import h11
import structlog
import uvicorn
from aiohttp import web
from prometheus_client import CollectorRegistry
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from order_import.liveness import WorkerWatch
from order_import.metrics.exposition import expose
from order_import.readiness import Readiness
from order_import.settings import PREFIX, Settings, SettingsError

log = structlog.get_logger(__name__)


@asynccontextmanager
async def serve_health(
    settings: Settings, readiness: Readiness, watch: WorkerWatch, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Serve the worker's health endpoints and its metrics, if the settings name a port.

    `/healthz` is 200 while the process runs; a stalled worker ends itself. `/readyz` is 200 while
    the worker is in its group, Kafka and MongoDB answer, and no topic has a problem; otherwise 503.
    `/metrics` has the metrics in `registry`.

    Raises:
        SettingsError: It cannot listen on that address.
    """
    if settings.worker_health_port is None:
        yield
        return

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "running", "lag": watch.lag})

    async def readyz(_: web.Request) -> web.Response:
        ready = readiness.is_ready
        body = {
            "ready": ready,
            "kafka": "answers" if readiness.kafka is None else "does not answer",
            "mongodb": "answers" if readiness.mongodb is None else "does not answer",
            "state": readiness.state,
            "topics": [str(problem) for problem in readiness.topics],
            "partitions": watch.partitions,
            "lag": watch.lag,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def metrics(request: web.Request) -> web.Response:
        return _metrics_response(registry, request)

    host, port = settings.worker_health_host, settings.worker_health_port
    routes = [
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
    ]
    async with _serve(routes, host, port, "WORKER_HEALTH_PORT"):
        log.info("worker-health", host=host, port=port)
        yield


@asynccontextmanager
async def serve_metrics(
    settings: Settings, read: Callable[[], Awaitable[CollectorRegistry]]
) -> AsyncIterator[None]:
    """Serve the console's `/metrics`, if the settings name a port. `read` returns them.

    Raises:
        SettingsError: It cannot listen on that address.
    """
    if settings.console_metrics_port is None:
        yield
        return

    async def metrics(request: web.Request) -> web.Response:
        return _metrics_response(await read(), request)

    host, port = settings.console_host, settings.console_metrics_port
    async with _serve([web.get("/metrics", metrics)], host, port, "CONSOLE_METRICS_PORT"):
        log.info("console-metrics", host=host, port=port)
        yield


@asynccontextmanager
async def _serve(
    routes: Sequence[web.RouteDef], host: str, port: int, setting: str
) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            name = f"{PREFIX}{setting}"
            raise SettingsError(f"{name}: cannot listen on {host}:{port}: {reason}") from None
        yield
    finally:
        await runner.cleanup()


def _metrics_response(registry: CollectorRegistry, request: web.Request) -> web.Response:
    body, content_type = expose(registry, request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


_REQUEST_TIMEOUT = 20.0
"""Seconds for a whole request to arrive, head and body."""
_WRITE_TIMEOUT = 60.0
"""Seconds for a client to read more of a response once the send buffer is full."""
_MAX_WAITING = 256
"""How many connections may wait for a request."""
_MAX_WAITING_PER_ADDRESS = 64
"""How many of them may be from one address, which may be a proxy's."""
_GRACE_SECONDS = 1.0
"""Connections younger than this do not count per address: a burst of new ones is not idle."""
_STOP_SECONDS = 5


class BoundedProtocol(H11Protocol):
    """One connection. Too many idle ones are closed, the oldest first, to keep room for others."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._request_due = _Deadline()
        self._answer_due = _Deadline()
        self.waits_since = 0.0  # by the loop's clock

    @property
    def address(self) -> str:
        """The client's address."""
        return self.client[0] if self.client is not None else ""

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a request to arrive completely."""
        cycle: RequestResponseCycle | None = self.cycle
        return self._is_arriving or cycle is None or cycle.response_complete

    @property
    def _is_arriving(self) -> bool:
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._expect_request()
        connections = [peer for peer in self.connections if isinstance(peer, BoundedProtocol)]
        excess = find_excess(connections, self.address, self.loop.time())
        if excess is not None:
            excess.transport.abort()

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
        self._answer_due.set(_WRITE_TIMEOUT, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        self._answer_due.cancel()
        super().resume_writing()

    def _expect_request(self) -> None:
        self.waits_since = self.loop.time()
        self._request_due.set(_REQUEST_TIMEOUT, self.transport.abort)


class _Deadline:
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


def find_excess(
    connections: Sequence[BoundedProtocol], newcomer: str, now: float
) -> BoundedProtocol | None:
    """Return the connection to close if too many wait: the oldest of the address with the most."""
    waiting = [connection for connection in connections if connection.is_waiting]
    of_newcomer = [
        connection
        for connection in waiting
        if connection.address == newcomer and now - connection.waits_since > _GRACE_SECONDS
    ]
    if len(of_newcomer) > _MAX_WAITING_PER_ADDRESS:
        candidates = of_newcomer
    elif len(waiting) > _MAX_WAITING:
        ((address, _),) = Counter(connection.address for connection in waiting).most_common(1)
        candidates = [connection for connection in waiting if connection.address == address]
    else:
        return None
    return min(candidates, key=lambda connection: connection.waits_since)


class ConsoleServer(uvicorn.Server):
    """Uvicorn without its signal handlers, so that the process can stop with exit status 0."""

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
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Finish the current requests, then stop."""
        self.should_exit = True
