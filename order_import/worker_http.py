"""The worker's liveness and readiness over HTTP, for supervisors and load balancers."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from order_import.readiness import Readiness
from order_import.settings import PREFIX, Settings, SettingsError
from order_import.worker_watch import WorkerWatch

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
