"""One Amazon order with its history, its buyer masked until shown; and one Commerce order."""

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from models import keys
from models.amazon_order import AmazonOrder
from models.blockers import Blocker
from models.buyer_data import Erased
from models.charges import Charge
from models.keys import DEFAULT_STOCK
from models.outcome import Blocked
from models.reference_data import Match
from order_import.console import urls
from order_import.console.auth import Principal, principal_of
from order_import.console.context import ConsoleContext
from order_import.console.error_pages import NotFound
from order_import.console.rendering import audit, context_of, redirect, render
from order_import.console.words import STATE_MEANINGS
from storage.queries import OrderHistory

_SHOWN_FOR = 120
"""Seconds for which a buyer is shown on request."""
_LINES, _BLOCKERS, _ENTRIES = 50, 25, 60
"""The maximum numbers of lines, blockers and history entries on a page: there can be thousands."""
_SECRET = secrets.token_bytes(32)


async def order(request: Request) -> Response:
    """Show an Amazon order."""
    context, principal = context_of(request), principal_of(request)
    key = keys.order_key(request.path_params["store_id"], request.path_params["amazon_order_id"])
    order_history = await context.reader.history(key)
    if order_history is None:
        raise NotFound("This order has not been received.")
    record, outcome = order_history.record, order_history.record.outcome
    amazon = record.order
    blockers = outcome.blockers if isinstance(outcome, Blocked) else ()
    shown = request.query_params.get("shown", "")
    shows_buyer = _may_see(principal, key, shown, context.now())
    page = await render(
        request,
        "order.html",
        key=key,
        order_history=order_history,
        order=amazon,
        state=outcome.state,
        meaning=STATE_MEANINGS[outcome.state],
        reason=getattr(outcome, "reason", None),
        missing=getattr(outcome, "missing", ()),
        blockers=blockers,
        counted=await _counted(context, blockers[:_BLOCKERS]),
        seller_central=urls.in_seller_central(
            order_history.store, amazon.marketplace_id, amazon.amazon_order_id
        ),
        shows_buyer=shows_buyer,
        erased_at=record.buyer_data.at if isinstance(record.buyer_data, Erased) else None,
        matches=_matches_of(order_history),
        pending=record.pending_reservation,
        charges=_charges_of(amazon),
        unexplained=amazon.unexplained,
        most_lines=_LINES,
        most_blockers=_BLOCKERS,
        most_entries=_ENTRIES,
    )
    if shows_buyer:
        # Hide the buyer again even in a tab that is left open.
        left = int(shown.partition(".")[0]) - int(context.now().timestamp()) + 1
        page.headers["refresh"] = f"{left}; url={urls.order_by_key(key)}"
    return page


async def _counted(
    context: ConsoleContext, blockers: Sequence[Blocker]
) -> Mapping[tuple[str, str | None], datetime]:
    """Return when the products of blockers were last counted, by SKU and stock."""
    skus: defaultdict[str | None, list[str]] = defaultdict(list)
    for blocker in blockers:
        if blocker.sku is not None:
            skus[blocker.stock_id].append(blocker.sku)
    return {
        (sku, stock_id): product.counted_at or product.product.as_of
        for stock_id, of_stock in skus.items()
        for sku, product in (
            await context.orders.products(of_stock, stock_id or DEFAULT_STOCK)
        ).items()
    }


async def show_buyer(request: Request, _: QueryParams) -> Response:
    """Show the buyer for a while, and record this in the audit log."""
    key = keys.order_key(request.path_params["store_id"], request.path_params["amazon_order_id"])
    await audit(request, "showed-buyer", key)
    until = int(context_of(request).now().timestamp()) + _SHOWN_FOR
    proof = _proof(principal_of(request), key, until)
    return redirect(f"{urls.order_by_key(key)}?shown={until}.{proof}#buyer")


async def commerce_order(request: Request) -> Response:
    """Show a Commerce order."""
    context = context_of(request)
    commerce = await context.orders.commerce_order(request.path_params["commerce_order_id"])
    if commerce is None:
        raise NotFound("This Commerce order does not exist.")
    stores = await context.reader.stores()
    store = stores.get(commerce.store_id)
    return await render(
        request,
        "commerce.html",
        commerce=commerce,
        most_lines=_LINES,
        store=store,
        outside=urls.in_commerce(store, commerce.commerce_order_id, commerce.amazon_order_id),
    )


def _matches_of(order_history: OrderHistory) -> dict[str, Match]:
    """Return what each line stands for, as far as it is known; of a blocked one, a product."""
    outcome = order_history.record.outcome
    if isinstance(outcome, Blocked):
        return {
            line: blocker.sku
            for blocker in outcome.blockers
            if blocker.sku
            for line in blocker.order_item_ids
        }
    lines = order_history.commerce_order.lines if order_history.commerce_order else ()
    return {line.item.order_item_id: line.match for line in lines}


def _charges_of(order: AmazonOrder) -> list[tuple[Charge, str | None]]:
    skus = {item.order_item_id: item.seller_sku for item in order.items}
    return [(charge, skus.get(item_id or "")) for charge, item_id in order.all_charges]


def _may_see(principal: Principal, key: str, shown: str, now: datetime) -> bool:
    until, _, proof = shown.partition(".")
    if not principal.can_edit or not until.isdecimal() or len(until) > 12:  # noqa: PLR2004 - a time
        return False
    expected = _proof(principal, key, int(until))
    is_fresh = int(until) >= now.timestamp()
    return is_fresh and hmac.compare_digest(expected, proof.encode("ascii", "replace").decode())


def _proof(principal: Principal, key: str, until: int) -> str:
    text = f"{principal.user}\n{key}\n{until}"
    return hmac.new(_SECRET, text.encode(), hashlib.sha256).hexdigest()[:32]
