"""The blocked orders by cause and product, what a fix would release, and the next sync."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from models.keys import DEFAULT_STOCK
from models.order_query import parse_due
from models.outcome import ImportState
from models.reasons import REMEDIES, BlockerCode
from models.replay import Selection
from order_import.console import urls
from order_import.console.error_pages import NotFound
from order_import.console.language import gettext_noop
from order_import.console.rendering import audit, context_of, redirect, render
from order_import.operations.assumptions import Assumptions
from order_import.operations.dry_run import dry_run
from order_import.operations.replay import open_sender
from order_import.operations.sync import ask_for_sync
from storage.queries import BlockedGroup

_GROUPS, _PAGES = 60, 50
_FRESH = 1.0
_DUE = ("overdue", "24h", "72h")
"""The ship-by dates that groups can be restricted to."""


async def blocked(request: Request) -> Response:
    """Show the groups by cause, the earliest ship-by date first."""
    context = context_of(request)
    params = request.query_params
    store_id = params.get("store") or None
    due = params["due"] if params.get("due") in _DUE else None
    page = _page_of(params.get("page", ""))

    async def ask() -> Sequence[BlockedGroup]:
        before = None if due is None else context.now() + parse_due(due)
        return await context.reader.blocked_groups(store_id, _GROUPS * page + 1, before)

    rows = await context.cache.get(("groups", store_id, due, page), _FRESH, ask)
    groups = rows[_GROUPS * (page - 1) : _GROUPS * page]
    counts = await context.counts()
    per_store = {store: states.get(ImportState.BLOCKED, 0) for store, states in counts.items()}
    return await render(
        request,
        "blocked.html",
        causes=_by_cause(groups),
        store_id=store_id,
        due=due,
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
        raise NotFound("This group does not exist.")
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


async def sync(request: Request, form: QueryParams) -> Response:
    """Request the next sync now."""
    context = context_of(request)
    store_id = form.get("store") or None
    async with open_sender(context.settings) as send:
        await ask_for_sync(send, store_id, context.now())
    await audit(request, "synced", store_id or "*")
    context.cache.forget()
    return redirect(
        urls.query("/blocked", store=store_id), "synced-store" if store_id else "synced"
    )


def _by_cause(groups: Sequence[BlockedGroup]) -> Mapping[BlockerCode, Sequence[BlockedGroup]]:
    """Group by cause; the cause with the most urgent group comes first."""
    causes: dict[BlockerCode, list[BlockedGroup]] = {}
    for group in groups:
        causes.setdefault(group.code, []).append(group)
    return causes


def _page_of(text: str) -> int:
    try:
        return min(max(int(text), 1), _PAGES)
    except ValueError:
        return 1


def _quantity(text: str) -> float | None:
    try:
        quantity = float(text.replace(",", "."))
    except ValueError:
        return None
    return quantity if 0 <= quantity <= 1e9 else None  # noqa: PLR2004 - a plausible stock
