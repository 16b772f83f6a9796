"""The console as an ASGI application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from order_import.console.context import ConsoleContext
from order_import.console.error_pages import show_error
from order_import.console.pages import (
    blocked,
    dashboard,
    dead_letters,
    exports,
    health,
    live,
    order,
    orders,
    products,
    replays,
    sign_in,
    store_settings,
)
from order_import.console.rendering import static_file
from order_import.console.security import SecurityMiddleware

_PAGES = (
    dashboard,
    store_settings,
    orders,
    exports,
    order,
    blocked,
    products,
    replays,
    dead_letters,
    health,
    sign_in,
    live,
)


def build_app(context: ConsoleContext) -> Starlette:
    """Give the application of a desk."""
    routes = [route for page in _PAGES for route in page.ROUTES]
    app = Starlette(
        routes=[*routes, Route("/static/{version}/{name}", static_file, methods=["GET"])],
        middleware=[Middleware(SecurityMiddleware, context=context)],
        exception_handlers={HTTPException: show_error},
    )
    app.state.context = context
    return app
