"""The buyer of an order for a program downstream, which makes or ships the real order.

It has a token of the users file, of the role `downstream`, and no session: no browser can be made
to ask. Each claim is in the audit log before it is answered.
"""

from datetime import datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from models.buyer_data import ClaimedBuyer, Retained
from models.order_record import OrderRecord
from order_import.console import urls
from order_import.console.access import User
from order_import.console.context import ConsoleContext
from order_import.console.rendering import context_of, record
from order_import.operations.order_names import OrderNotNamed, resolve_orders
from storage.port import AuditEntry

CLAIMED_BUYER = "claimed-buyer"
"""The action in the audit log."""


async def claim_buyer(request: Request) -> Response:
    """Answer with what is personal in an order, named by `store/order` or Amazon's id."""
    context = context_of(request)
    user = _find_program(context, request.headers.get("authorization", ""))
    if user is None:
        return _refuse(HTTPStatus.UNAUTHORIZED, "Expected a token of the role downstream.")
    stored = await _find_order(context, request.path_params["order"])
    if stored is None:
        return _refuse(HTTPStatus.NOT_FOUND, "No such order was received.")
    at = context.now()
    match stored.buyer_data:
        case None:
            detail, answer = (
                "unknown",
                _refuse(HTTPStatus.NOT_FOUND, "Amazon has not sent any buyer data yet."),
            )
        case Retained(expires_at) if expires_at > at:
            detail, answer = "", _answer(stored, expires_at)
        case _:  # erased, or so within a minute
            detail, answer = "erased", _refuse(HTTPStatus.GONE, "The buyer was erased.")
    await record(
        context, AuditEntry(urls.new_id(), at, user.name, CLAIMED_BUYER, stored.key, detail)
    )
    return answer


def _find_program(context: ConsoleContext, header: str) -> User | None:
    scheme, _, token = header.partition(" ")
    if context.access.users is None or scheme.lower() != "bearer":
        return None
    return context.access.users.with_token(token.strip())


async def _find_order(context: ConsoleContext, name: str) -> OrderRecord | None:
    try:
        [key] = await resolve_orders(context.storage, [name], None)
    except OrderNotNamed:
        return None
    return (await context.storage.snapshot(lambda view: view.orders([key]))).get(key)


def _answer(stored: OrderRecord, kept_until: datetime) -> Response:
    order = stored.order
    claimed = ClaimedBuyer(
        store_id=stored.store_id,
        amazon_order_id=order.amazon_order_id,
        buyer=order.buyer,
        ship_to=order.ship_to,
        gifts=order.gifts,
        kept_until=kept_until,
    )
    return Response(claimed.model_dump_json(), media_type="application/json")


def _refuse(status: HTTPStatus, error: str) -> Response:
    headers = {"www-authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"error": error}, status, headers)
