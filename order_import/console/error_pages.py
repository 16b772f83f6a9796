"""Error pages: each error has a page that says what happened and what to do about it."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from models.errors import BrokerUnavailable, OrderImportError, TransientStorageError
from order_import.console.language import gettext_noop
from order_import.console.rendering import address_of_page, render
from order_import.operations.install import TopicMissing
from storage.queries import QueryTookTooLong

log = structlog.get_logger(__name__)


class ErrorPage(HTTPException):
    """An error as its page shows it: what happened, what to do about it, and a link to that."""

    def __init__(
        self,
        line: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        advice: str = "",
        link: str | None = None,
    ) -> None:
        super().__init__(status, line)
        self.advice = advice
        self.link = link


class NotFound(ErrorPage):
    """The page is of something that does not exist."""

    def __init__(self, line: str) -> None:
        super().__init__(line, HTTPStatus.NOT_FOUND)


class RequestTooLarge(ErrorPage):
    """The request is larger than the console accepts."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("This is more than the console accepts at once."),
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            gettext_noop("Select less, and do the rest afterwards."),
        )


def foreign_link(request: Request) -> ErrorPage:
    """Return a page that asks for confirmation before following a link from another site."""
    return ErrorPage(
        "This link comes from another site.",
        HTTPStatus.FORBIDDEN,
        gettext_noop(
            "Opening this page is recorded or takes a lot of work. Continue only if you meant to."
        ),
        address_of_page(request),
    )


def unknown_cursor(request: Request) -> ErrorPage:
    """Return an error page for an address with an invalid cursor."""
    return ErrorPage(
        "This address is not a place in the list.",
        advice=gettext_noop("Start at the first page."),
        link=request.url.path,
    )


_UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE
_GO_BACK = gettext_noop("Go back and try again from there.")
_TOO_LONG = ErrorPage(
    "This took too long and was stopped.",
    _UNAVAILABLE,
    gettext_noop("Reload this page in a moment, or ask for less: one store, or a few days."),
)
PROBLEMS: Mapping[type[Exception], ErrorPage] = {
    TransientStorageError: ErrorPage(
        "MongoDB does not answer.",
        _UNAVAILABLE,
        gettext_noop(
            "Nothing is lost. Reload this page in a moment. If it persists, check MongoDB."
        ),
    ),
    BrokerUnavailable: ErrorPage(
        "Kafka does not answer.",
        _UNAVAILABLE,
        gettext_noop(
            "Try again in a moment; repeating the action does no harm. You can still view pages."
        ),
    ),
    TopicMissing: ErrorPage(
        "A topic is missing; run: order-import init", HTTPStatus.CONFLICT, _GO_BACK
    ),
    QueryTookTooLong: _TOO_LONG,
    TimeoutError: _TOO_LONG,
}
"""The pages of errors from below the console."""

BAD_REQUEST = gettext_noop("The console cannot do this.")
UNKNOWN_PAGE = ErrorPage(
    "This page does not exist.",
    HTTPStatus.NOT_FOUND,
    gettext_noop("Check the address, or start at the dashboard."),
)
READ_ONLY = ErrorPage("You have read-only access.", HTTPStatus.FORBIDDEN)
UNEXPECTED = ErrorPage(
    "Something went wrong in the console.",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    gettext_noop("It was logged. Reload this page. If it persists, tell your administrator."),
)


async def show_error(request: Request, error: Exception) -> Response:
    """Return the page for an error. Only its class is shown or logged, never its text."""
    page = page_of(error)
    if page.status_code == HTTPStatus.UNAUTHORIZED:
        return _to_sign_in(request)
    if page is UNEXPECTED:
        kind = "/" + request.url.path.split("/", 2)[1]
        own = {"reason": str(error)} if isinstance(error, OrderImportError) else {}
        log.error("page-failed", page=kind, error=type(error).__name__, **own)
    response: Response
    if "user" not in request.scope:
        response = PlainTextResponse(f"{page.detail} {page.advice}\n", page.status_code)
    else:
        response = await render(
            request, "error.html", status=page.status_code, frame=False, page=page
        )
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


def page_of(error: Exception) -> ErrorPage:
    """Return what an error means to a user."""
    match error:
        case ErrorPage():
            return error
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return UNKNOWN_PAGE
        case HTTPException(status_code=HTTPStatus.FORBIDDEN):
            return READ_ONLY
        case HTTPException():
            return ErrorPage(BAD_REQUEST, HTTPStatus(error.status_code), _GO_BACK)
        case _:
            pass
    return next((page for kind, page in PROBLEMS.items() if isinstance(error, kind)), UNEXPECTED)


def _to_sign_in(request: Request) -> Response:
    if request.method != "GET":
        return PlainTextResponse("Please sign in.\n", HTTPStatus.UNAUTHORIZED)
    back = quote(address_of_page(request), safe="")
    return RedirectResponse(f"/sign-in?next={back}", HTTPStatus.SEE_OTHER)
