"""All addresses of the console: who may use each, and from where."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.authentication import requires
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from order_import.console.auth import EDIT, READ, is_from_here
from order_import.console.error_pages import RequestTooLarge, foreign_link
from order_import.console.pages import (
    blocked,
    contract,
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


OPEN_ROUTES: Sequence[BaseRoute] = (
    Route("/static/{version}/{name}", static_file),
    Route("/healthz", health.healthz),
    Route("/readyz", health.readyz),
)
"""The addresses that do not ask who sends the request."""

ROUTES: Sequence[BaseRoute] = (
    get("/", dashboard.overview),
    get("/stores/{store_id}", dashboard.store_dashboard),
    get("/stores/{store_id}/{switch}", store_settings.confirm),
    post("/stores/{store_id}/{switch}", store_settings.publish),
    get("/orders", orders.orders),
    get("/orders.csv", exports.as_csv, from_here=True),
    get("/orders.jsonl", exports.as_json_lines, from_here=True),
    get("/orders/{store_id}/{amazon_order_id}", order.order),
    post("/orders/{store_id}/{amazon_order_id}/buyer", order.show_buyer),
    get("/commerce/{commerce_order_id}", order.commerce_order),
    get("/blocked", blocked.blocked),
    get("/blocked/what-if", blocked.what_if, from_here=True),
    post("/sync", blocked.sync),
    get("/match", products.match),
    post("/match", products.publish_match),
    post("/products/enable", products.enable),
    get("/replays", replays.replays),
    post("/replays", replays.start),
    get("/replays/new", replays.dry_run_of_query, from_here=True),
    post("/replays/new", replays.dry_run_of_form, needs=READ),
    get("/replays/{replay_id}", replays.replay_page),
    post("/replays/{replay_id}/cancel", replays.cancel_replay),
    get("/dead-letters", dead_letters.dead_letters),
    post("/dead-letters/redrive", dead_letters.redrive_selected),
    get("/dead-letters/{dead_letter_id}", dead_letters.dead_letter),
    get("/health", health.health),
    get("/audit", health.audit),
    get("/contract", contract.contract),
    get("/live", live.live),
    get("/sign-in", sign_in.sign_in, needs=None),
    post("/sign-in", sign_in.signed_in, needs=None),
    post("/sign-out", sign_in.sign_out, needs=READ),
    post("/preferences", sign_in.prefer, needs=None),
)
