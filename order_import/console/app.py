"""The console as an ASGI application, and the server under it."""

import asyncio
import contextlib
import signal
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount

from models.errors import OtherLayout, StorageBroken, TransientStorageError
from order_import.console.access import access_of, listen
from order_import.console.auth import SessionBackend
from order_import.console.context import ConsoleContext, open_context
from order_import.console.error_pages import show_error
from order_import.console.metrics import read_metrics
from order_import.console.routes import OPEN_ROUTES, ROUTES
from order_import.console.samples import record_samples
from order_import.console.security import SecurityMiddleware
from order_import.settings import Settings
from order_import.web import ConsoleServer, serve_metrics
from order_import.worker import tune_gc
from storage.retry import retry_outages


def build_app(context: ConsoleContext) -> Starlette:
    """Return the ASGI application for a context."""
    access = context.access
    authentication = Middleware(AuthenticationMiddleware, backend=SessionBackend(context))
    app = Starlette(
        routes=[*OPEN_ROUTES, Mount("", routes=ROUTES, middleware=[authentication])],
        middleware=[
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=sorted(access.hosts) or ["*"],
                www_redirect=False,
            ),
            Middleware(SecurityMiddleware, secure=access.secure),
        ],
        exception_handlers={HTTPException: show_error},
    )
    app.state.context = context
    return app


async def serve_console(settings: Settings) -> None:
    """Serve until a signal.

    Raises:
        SettingsError: As `access_of`, or the address cannot be bound.
        OtherLayout: The database is of another version of this program.
    """
    access = access_of(settings)
    listening = listen(settings)
    async with open_context(settings, access) as context:
        # Count before the first request: with very many orders this takes a while.
        counting = asyncio.create_task(_count_ahead(context))
        server = ConsoleServer(build_app(context))
        checking = asyncio.create_task(_check_layout(context, server))
        sampling = asyncio.create_task(record_samples(context))
        tune_gc()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        try:
            async with serve_metrics(settings, partial(read_metrics, context)):
                await server.serve(sockets=[listening])
        finally:
            tasks = (counting, checking, sampling)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not checking.cancelled():
            checking.result()


async def _count_ahead(context: ConsoleContext) -> None:
    """Fill the cache. An error is ignored: the next request gets and handles it."""
    with contextlib.suppress(Exception):
        await context.counts()


async def _check_layout(context: ConsoleContext, server: ConsoleServer) -> None:
    """Stop the server if the database is of another version, as soon as it answers.

    Pages report all other errors.
    """
    try:
        await retry_outages(context.storage.check_layout, TransientStorageError)
    except OtherLayout:
        server.stop()
        raise
    except StorageBroken:
        pass
