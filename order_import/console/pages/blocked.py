"""The blocked orders by cause and product, what a fix would release, and matching a seller SKU."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from itertools import groupby
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from models import keys
from models.keys import DEFAULT_STOCK
from models.order_query import OrderQuery
from models.outcome import ImportState
from models.reasons import REMEDIES, BlockerCode
from models.reference_data import Listing
from models.replay import Selection
from order_import.console import urls
from order_import.console.language import gettext_noop
from order_import.console.rendering import (
    audit,
    context_of,
    error_page,
    get,
    post,
    raw_of,
    redirect,
    render,
    text_of,
)
from order_import.operations.assumptions import Assumptions
from order_import.operations.dry_run import dry_run
from order_import.operations.publish import listing_message
from order_import.operations.replay import open_sender
from order_import.operations.sync import ask_for_sync
from storage.queries import BlockedGroup

_GROUPS, _PAGES = 60, 50
_FRESH = 1.0
_SUGGESTED = 12
_COUNTED = 1_000


async def blocked(request: Request) -> Response:
    """Show the groups by cause, the earliest ship-by date first."""
    context = context_of(request)
    store_id = request.query_params.get("store") or None
    page = _page_of(request.query_params.get("page", ""))

    async def ask() -> Sequence[BlockedGroup]:
        return await context.reader.blocked_groups(store_id, _GROUPS * page + 1)

    rows = await context.cache.get(("groups", store_id, page), _FRESH, ask)
    groups = rows[_GROUPS * (page - 1) : _GROUPS * page]
    counts = await context.counts()
    per_store = {store: states.get(ImportState.BLOCKED, 0) for store, states in counts.items()}
    return await render(
        request,
        "blocked.html",
        causes=_by_cause(groups),
        remedies=REMEDIES,
        store_id=store_id,
        stores=await context.stores(),
        per_store=per_store,
        total=per_store.get(store_id, 0) if store_id else sum(per_store.values()),
        page=page,
        is_cut=len(rows) > _GROUPS * page and page < _PAGES,
    )


async def what_if(request: Request) -> Response:
    """Show what would be created under an assumption, without changing anything."""
    context = context_of(request)
    params = request.query_params
    sku = params.get("sku", "")
    store_id = params.get("store") or None
    code = params.get("code", "")
    if not sku or code not in set(BlockerCode):
        return await error_page(request, HTTPStatus.NOT_FOUND, "There is no such group.")
    stock_id = params.get("stock") or DEFAULT_STOCK
    product = (await context.orders.products([sku], stock_id)).get(sku)
    error, plan = None, None
    assumed: dict[str, Any] | None = None
    quantity = _quantity(params.get("quantity", ""))
    if "ask" in params or code == BlockerCode.DISABLED:
        if params.get("quantity") and quantity is None:
            error = gettext_noop("Expected a number of units, 0 or more.")
        else:
            assumed = {"enabled": "enabled" in params or "ask" not in params}
            if assumed["enabled"]:
                assumed["disabled_for"] = ()
            assumptions = Assumptions(products={sku: assumed})
            if quantity is not None:
                assumptions.stock[stock_id, sku] = quantity
            selection = Selection(store_id=store_id, reason=code, sku=sku)
            plan = await dry_run(context.storage, selection, context.now(), assumptions)
    return await render(
        request,
        "what_if.html",
        sku=sku,
        code=code,
        store_id=store_id,
        stock_id=stock_id,
        product=product,
        plan=plan,
        assumed=assumed,
        quantity=quantity,
        error=error,
        remedy=REMEDIES[BlockerCode(code)],
    )


async def match(request: Request) -> Response:
    """Show the form that matches a seller SKU to a catalog SKU."""
    return await _match_page(request, request.query_params, {})


async def _match_page(
    request: Request, fields: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    context = context_of(request)
    store_id, seller_sku = fields.get("store", ""), fields.get("seller_sku", "")
    stores = await context.stores()
    if not seller_sku:
        return await error_page(request, HTTPStatus.NOT_FOUND, "There is no such line.")
    typed = fields.get("sku", "")
    store = stores.get(store_id)
    listing, waiting = None, None
    if store is not None:
        query = OrderQuery(store_id=store_id, state=ImportState.BLOCKED, sku=seller_sku)
        listing = await context.orders.listing(keys.listing_key(store_id, seller_sku))
        waiting = await context.orders.count(query, _COUNTED)
    similar = await context.orders.similar_skus(seller_sku if listing is None else listing.sku)
    like = await context.orders.skus_like(typed.strip() or seller_sku[:3], _SUGGESTED)
    return await render(
        request,
        "match.html",
        status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        store=store,
        stores=stores,
        seller_sku=seller_sku,
        asin=fields.get("asin", ""),
        typed=typed or next(iter(similar), ""),
        errors=errors,
        listing=listing,
        similar=similar,
        suggested=dict.fromkeys((*similar, *like)),
        waiting=None if waiting == _COUNTED else waiting,
        back=_back(fields.get("back", "")),
    )


async def publish_match(request: Request, form: FormData) -> Response:
    """Publish the match."""
    context = context_of(request)
    fields = {name: text_of(form, name) for name in ("store", "asin", "back")}
    # A trailing blank may belong to the SKU, but more often it was pasted with it.
    fields["seller_sku"], typed = raw_of(form, "seller_sku"), raw_of(form, "sku")
    fields["sku"] = typed
    if not typed.strip():
        return await _match_page(request, fields, {"sku": gettext_noop("Name a catalog SKU.")})
    there = await context.orders.products([typed, typed.strip()])
    sku = typed if typed in there else typed.strip()
    if sku not in there:
        return await _match_page(
            request, fields, {"sku": gettext_noop("The catalog has no product of this SKU.")}
        )
    if fields["store"] not in await context.reader.stores():
        return await _match_page(request, fields, {"store": gettext_noop("Name a store.")})
    key = keys.listing_key(fields["store"], fields["seller_sku"])
    previous = await context.orders.listing(key)
    at = context.now()
    if previous is not None:
        at = max(at, previous.updated_at + timedelta(milliseconds=1))
    try:
        listing = Listing(
            store_id=fields["store"], seller_sku=fields["seller_sku"], sku=sku, updated_at=at
        )
        await context.publish([listing_message(listing)])
    except ValidationError:
        return await _match_page(request, fields, {"sku": gettext_noop("This is no SKU.")})
    await audit(request, "matched", key, f"→ {sku}")
    context.cache.forget()
    return redirect(_back(fields["back"]), "matched")


async def sync(request: Request, form: FormData) -> Response:
    """Request the next sync now."""
    context = context_of(request)
    store_id = text_of(form, "store") or None
    async with open_sender(context.settings) as send:
        await ask_for_sync(send, store_id, context.now())
    await audit(request, "synced", store_id or "*")
    context.cache.forget()
    return redirect(
        urls.query("/blocked", store=store_id), "synced-store" if store_id else "synced"
    )


def _by_cause(groups: Sequence[BlockedGroup]) -> list[tuple[BlockerCode, list[BlockedGroup]]]:
    """Group by cause; the cause with the most urgent group comes first."""
    first = {group.code: at for at, group in reversed(list(enumerate(groups)))}
    in_order = sorted(groups, key=lambda group: first[group.code])
    return [(code, list(of)) for code, of in groupby(in_order, lambda group: group.code)]


def _page_of(text: str) -> int:
    is_one = text.isascii() and text.isdecimal() and len(text) < 4  # noqa: PLR2004 - digits enough
    return min(max(int(text), 1), _PAGES) if is_one else 1


def _quantity(text: str) -> float | None:
    try:
        quantity = float(text.replace(",", "."))
    except ValueError:
        return None
    return quantity if 0 <= quantity <= 1e9 else None  # noqa: PLR2004 - a plausible stock


def _back(path: str) -> str:
    return path if urls.is_local(path) else "/blocked"


ROUTES: list[BaseRoute] = [
    get("/blocked", blocked),
    get("/blocked/what-if", what_if, from_here=True),
    get("/match", match),
    post("/match", publish_match),
    post("/sync", sync),
]
