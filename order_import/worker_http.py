"""The worker's liveness and readiness over HTTP, for supervisors and load balancers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from models.errors import OrderImportError
from order_import.clients import connect_reader
from order_import.settings import Settings
from order_import.worker_watch import WorkerWatch
from storage.reader import Reader

log = structlog.get_logger(__name__)
_PING_WITHIN = 2.0


@asynccontextmanager
async def serve_health(settings: Settings, watch: WorkerWatch) -> AsyncIterator[None]:
    """Answer on the address the settings name, if they name one.

    `/healthz` is 200 while the process runs: one that stands still ends itself. `/readyz` is 200
    while Kafka and MongoDB answer and the worker has joined its group, else 503.

    Raises:
        OSError: The address is taken.
    """
    if settings.worker_health_port is None:
        yield
        return
    async with connect_reader(settings) as reader:
        app = web.Application()

        async def healthz(_: web.Request) -> web.Response:
            return web.json_response({"status": "running", "lag": watch.lag})

        async def readyz(_: web.Request) -> web.Response:
            told = {
                "kafka": "answers" if watch.kafka_answers else "does not answer",
                "mongodb": "answers" if await _answers(reader) else "does not answer",
                "partitions": watch.partitions,
                "lag": watch.lag,
            }
            ready = told["kafka"] == told["mongodb"] == "answers"
            return web.json_response({"ready": ready, **told}, status=200 if ready else 503)

        app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            host, port = settings.worker_health_host, settings.worker_health_port
            await web.TCPSite(runner, host, port).start()
            log.info("worker-health", host=host, port=port)
            yield
        finally:
            await runner.cleanup()


async def _answers(reader: Reader) -> bool:
    try:
        async with asyncio.timeout(_PING_WITHIN):
            await reader.ping()
    except (OrderImportError, TimeoutError):
        return False
    return True
