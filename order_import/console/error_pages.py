"""Error pages: each error has a page that says what happened and what to do about it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from models.errors import BrokerUnavailable, OrderImportError, TransientStorageError
from order_import.console.language import gettext_noop
from order_import.console.limits import RequestTooLarge
from order_import.console.rendering import RequestRefused, error_page
from order_import.operations.install import TopicMissing
from storage.queries import QueryTookTooLong

log = structlog.get_logger(__name__)


class Problem(NamedTuple):
    """What happened, and what to do about it. Both are texts of the console."""

    status: HTTPStatus
    line: str
    advice: str


NOT_SO = Problem(
    HTTPStatus.BAD_REQUEST,
    gettext_noop("This cannot be asked for."),
    gettext_noop("Go back, and try it from there."),
)
_TOO_LONG = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE,
    gettext_noop("This took too long, and was given up."),
    gettext_noop("Reload this page in a moment, or ask for less: one store, or some days."),
)

PROBLEMS: Sequence[tuple[type[Exception], Problem]] = (
    (
        TransientStorageError,
        Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            gettext_noop("MongoDB does not answer."),
            gettext_noop(
                "Nothing is lost. Reload this page in a moment. If this stays, look at MongoDB."
            ),
        ),
    ),
    (
        BrokerUnavailable,
        Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            gettext_noop("Kafka does not answer."),
            gettext_noop(
                "Try again in a moment: doing it twice does no harm. Pages can be read meanwhile."
            ),
        ),
    ),
    (
        TopicMissing,
        Problem(
            HTTPStatus.CONFLICT,
            gettext_noop("A topic is missing; run: order-import init"),
            NOT_SO.advice,
        ),
    ),
    (QueryTookTooLong, _TOO_LONG),
    (TimeoutError, _TOO_LONG),
    (
        RequestTooLarge,
        Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            gettext_noop("This is more than is taken at once."),
            gettext_noop("Choose less, and do the rest after it."),
        ),
    ),
)
"""The problems with pages of their own, by exception."""

UNKNOWN_PAGE = Problem(
    HTTPStatus.NOT_FOUND,
    gettext_noop("There is no such page."),
    gettext_noop("Check the address, or begin at the dashboard."),
)
UNEXPECTED = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    gettext_noop("Something in this console broke."),
    gettext_noop("It was logged. Reload this page; if this stays, tell whoever runs the console."),
)


async def show_error(request: Request, error: Exception) -> Response:
    """Return the page for an error. Only its class is shown or logged, never its text."""
    problem = problem_of(error)
    if problem is UNEXPECTED:
        kind = "/" + request.url.path.split("/", 2)[1]
        own = {"reason": str(error)} if isinstance(error, OrderImportError) else {}
        log.error("page-failed", page=kind, error=type(error).__name__, **own)
    if not hasattr(request.state, "principal"):
        page: Response = PlainTextResponse(f"{problem.line} {problem.advice}\n", problem.status)
    else:
        page = await error_page(request, problem.status, problem.line, problem.advice)
    if isinstance(error, HTTPException) and error.headers:
        page.headers.update(error.headers)
    return page


def problem_of(error: Exception) -> Problem:
    """Return what an error means to a user."""
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return UNKNOWN_PAGE
        return NOT_SO._replace(status=HTTPStatus(error.status_code))
    if isinstance(error, RequestRefused):
        return Problem(error.status, str(error), "")
    return next((problem for kind, problem in PROBLEMS if isinstance(error, kind)), UNEXPECTED)
