"""The routes of pages and actions: who may use them, and from where."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.authentication import requires
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from order_import.console.auth import EDIT, READ, is_from_here
from order_import.console.error_pages import RequestTooLarge, foreign_link

MOST_FIELDS = 2_000
"""The maximum number of fields in a form."""

Page = Callable[[Request], Awaitable[Response]]
Action = Callable[[Request, QueryParams], Awaitable[Response]]
"""A page, and an action with the fields of its form."""


def get(path: str, page: Page, *, needs: str | None = READ, from_here: bool = False) -> Route:
    """Return the route of a page. It `needs` a scope; None is for everyone.

    With `from_here`, links from other sites do not open it directly: the page is recorded in the
    audit log, or is expensive.
    """

    async def guarded(request: Request) -> Response:
        if from_here and not is_from_here(request.headers):
            raise foreign_link(request)
        return await page(request)

    return Route(path, _requiring(needs)(guarded), methods=["GET"])


def post(path: str, action: Action, *, needs: str | None = EDIT) -> Route:
    """Return the route of an action, sent by a form of one of our pages."""

    async def guarded(request: Request) -> Response:
        return await action(request, parse_form(await request.body()))

    return Route(path, _requiring(needs)(guarded), methods=["POST"])


def _requiring(scope: str | None) -> Callable[[Page], Page]:
    if scope is None:
        return lambda page: page
    signed_in = requires(READ, HTTPStatus.UNAUTHORIZED)
    return lambda page: signed_in(requires(scope)(page))


def parse_form(body: bytes) -> QueryParams:
    """Return the fields of a form in the encoding of browsers.

    Raises:
        RequestTooLarge: The form has too many fields.
    """
    try:
        return QueryParams(
            parse_qsl(
                body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
            )
        )
    except ValueError:
        raise RequestTooLarge from None
