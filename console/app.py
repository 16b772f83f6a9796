"""The console as an ASGI application."""

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.guard import Guard
from console.pages import (
    blocked,
    dashboard,
    exports,
    health,
    letters,
    live,
    order,
    orders,
    products,
    replays,
    sign_in,
)
from console.static import static_file
from console.web import refuse
from models.errors import BrokerUnavailable, StorageUnavailable

_PAGES = (
    dashboard,
    orders,
    exports,
    order,
    blocked,
    products,
    replays,
    letters,
    health,
    sign_in,
    live,
)


def build_app(desk: Desk) -> Starlette:
    """Give the application of a desk."""
    routes = [route for page in _PAGES for route in page.ROUTES]
    app = Starlette(
        routes=[*routes, Route("/static/{version}/{name}", static_file, methods=["GET"])],
        middleware=[Middleware(Guard, desk=desk)],
        exception_handlers={
            HTTPException: _refused,
            StorageUnavailable: _gone,
            BrokerUnavailable: _gone,
        },
    )
    app.state.desk = desk
    return app


async def _refused(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    if not hasattr(request.state, "visit"):
        return PlainTextResponse(f"{status.phrase}\n", status)
    line = "There is no such page." if status == HTTPStatus.NOT_FOUND else status.phrase
    return await refuse(request, status, line)


async def _gone(request: Request, error: Exception) -> Response:
    name = "Kafka" if isinstance(error, BrokerUnavailable) else "MongoDB"
    if not hasattr(request.state, "visit"):
        return PlainTextResponse(f"{name} does not answer.\n", 503)
    return await refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, f"{name} does not answer.")
