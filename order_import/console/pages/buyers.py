"""The buyer of an order for a program downstream, which makes or ships the real order.

It has a token of the users file, of the role `downstream`, and no session: no browser can be made
to ask. Each claim of such a program is in the audit log before it is answered. Of claims without a
valid token, which anybody can make, the log has the number.
"""

import re
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from models.buyer_data import ClaimedBuyer, Retained
from models.errors import TransientStorageError
from models.order_record import OrderRecord
from order_import.console import urls
from order_import.console.access import User
from order_import.console.context import ConsoleContext
from order_import.console.rendering import context_of, record
from order_import.operations.order_names import OrderNotNamed, resolve_orders
from storage.port import AuditEntry

log = structlog.get_logger(__name__)

CLAIMED_BUYER, REFUSED_CLAIMS = "claimed-buyer", "refused-claims"
"""The actions in the audit log."""
_BETWEEN = timedelta(minutes=5)
_ORDER_NAME = re.compile(r"([^/@\x00-\x1f]{1,128}/)?[A-Za-z0-9-]{1,64}")


class RefusedClaims:
    """Counts claims without a valid token, so that they cannot fill the audit log."""

    def __init__(self) -> None:
        self._count = 0
        self._next_at: datetime | None = None

    def add(self, at: datetime) -> int:
        """Count one; return how many are to be recorded now: at most once in five minutes any."""
        self._count += 1
        if self._next_at is not None and at < self._next_at:
            return 0
        count, self._count, self._next_at = self._count, 0, at + _BETWEEN
        return count


_refused = RefusedClaims()


async def claim_buyer(request: Request) -> Response:
    """Answer with what is personal in an order, named by `store/order` or Amazon's id."""
    context, name = context_of(request), request.path_params["order"]
    at = context.now()
    user = _find_program(context, request.headers.get("authorization", ""))
    if user is None:
        await _record_refused(context, at)
        return _refuse(HTTPStatus.UNAUTHORIZED, "Expected a token of the role downstream.")
    stored = await _find_order(context, name)
    detail, answer = _respond(stored, at)
    # What is no order's name may be anything, a secret too.
    named = name if _ORDER_NAME.fullmatch(name) else ""
    target = named if stored is None else stored.key
    await record(context, AuditEntry(urls.new_id(), at, user.name, CLAIMED_BUYER, target, detail))
    return answer


def _respond(stored: OrderRecord | None, at: datetime) -> tuple[str, Response]:
    """Return what the audit log says of a claim, and its answer."""
    if stored is None:
        return "not-received", _refuse(HTTPStatus.NOT_FOUND, "No such order was received.")
    match stored.buyer_data:
        case None:
            error = "Amazon has not sent any buyer data yet."
            return "unknown", _refuse(HTTPStatus.NOT_FOUND, error)
        case Retained(expires_at) if expires_at > at:
            return "", _answer(stored, expires_at)
        case _:  # erased, or so within a minute
            return "erased", _refuse(HTTPStatus.GONE, "The buyer was erased.")


async def _record_refused(context: ConsoleContext, at: datetime) -> None:
    if not (count := _refused.add(at)):
        return
    log.warning("claims-refused", claims=count)
    entry = AuditEntry(urls.new_id(), at, "nobody", REFUSED_CLAIMS, "", str(count))
    with suppress(TransientStorageError):  # they are refused without a database, too
        await record(context, entry)


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
