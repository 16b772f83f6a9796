"""The console as an ASGI application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from console.desk import Desk
from console.error_pages import error_page
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
    store_settings,
)
from console.static import static_file

_PAGES = (
    dashboard,
    store_settings,
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
        exception_handlers={HTTPException: error_page},
    )
    app.state.desk = desk
    return app
