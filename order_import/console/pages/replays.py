"""Replays: the dry run of one, the replay itself, and its progress."""

from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from models.replay import Replay, Selection
from order_import.console import urls
from order_import.console.auth import principal_of
from order_import.console.error_pages import ErrorPage, NotFound
from order_import.console.language import gettext_noop
from order_import.console.order_filter import read_filter
from order_import.console.rendering import audit, context_of, redirect, render
from order_import.operations.dry_run import dry_run, select_keys
from order_import.operations.replay import Request as ReplayRequest
from order_import.operations.replay import (
    begin,
    cancel,
    find_replay,
    newest_replays,
    open_sender,
    sum_up,
)

_LISTED = 50
_MOST_KEYS = 5_000
_KEPT_KEYS, _NAMED_KEYS = 20, 3
"""How many of the selected orders are stored with a replay, and how many of those are shown."""
_BY_FIELD = frozenset({"store", "state", "reason", "product", "from", "to"})
"""The filter fields that a replay supports itself; with any other, it gets a list of orders."""
_MILLISECOND = timedelta(milliseconds=1)


async def replays(request: Request) -> Response:
    """Show the newest replays."""
    newest = await newest_replays(context_of(request).storage, _LISTED)
    return await render(request, "replays.html", replays=newest, describe_scope=describe_scope)


async def dry_run_of_query(request: Request) -> Response:
    """Show what a replay of a selection, a group or a filter would do."""
    return await _plan_page(request, request.query_params, {})


async def dry_run_of_form(request: Request, form: QueryParams) -> Response:
    """Show the same for a selection that is too long for an address."""
    if not form.getlist("order"):
        raise ErrorPage("Nothing was selected.")
    return await _plan_page(request, form, {})


async def _plan_page(request: Request, params: QueryParams, errors: dict[str, str]) -> Response:
    context = context_of(request)
    selection, until = await _select(request, params)
    return await render(
        request,
        "plan.html",
        status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        plan=await dry_run(context.storage, selection, context.now()),
        selection=selection,
        until=until,
        # For the form that starts the replay.
        fields=[(name, text) for name, text in params.multi_items() if name != "why" and text],
        errors=errors,
        stores=await context.stores(),
        why=params.get("why", ""),
    )


async def start(request: Request, form: QueryParams) -> Response:
    """Start a replay, with a reason."""
    context = context_of(request)
    why = form.get("why", "").strip()
    if not why:
        return await _plan_page(request, form, {"why": gettext_noop("Enter a reason.")})
    selection, _ = await _select(request, form)
    keys = await select_keys(context.storage, selection)
    if not keys:
        raise ErrorPage("There are no orders to replay.", HTTPStatus.CONFLICT)
    criteria: dict[str, object] = {"by": "console"}
    if selection.state is not None:
        criteria["state"] = selection.state.value
    if selection.keys is not None:
        criteria["orders"] = list(selection.keys[:_KEPT_KEYS])
    replay_request = ReplayRequest(selection, principal_of(request).user or "", why[:500], criteria)
    async with open_sender(context.settings) as send:
        replay = await begin(context.storage, send, replay_request, keys, context.now())
    await audit(request, "replay-started", replay.replay_id, why)
    return redirect(urls.replay(replay.replay_id), "replay-started")


async def replay_page(request: Request) -> Response:
    """Show the progress and the results of a replay."""
    storage = context_of(request).storage
    replay = await find_replay(storage, request.path_params["replay_id"])
    if replay is None:
        raise NotFound("This replay does not exist.")
    return await render(
        request,
        "replay.html",
        replay=replay,
        summary=await sum_up(storage, replay.replay_id),
        describe_scope=describe_scope,
    )


async def cancel_replay(request: Request, _: QueryParams) -> Response:
    """Cancel a replay after its current step."""
    context, replay_id = context_of(request), request.path_params["replay_id"]
    if not await cancel(context.storage, replay_id, context.now()):
        raise ErrorPage("The replay has already ended.", HTTPStatus.CONFLICT)
    await audit(request, "replay-canceled", replay_id)
    return redirect(urls.replay(replay_id), "canceled")


def describe_scope(replay: Replay) -> str:
    """Return a description of the orders that a replay selects."""
    fields = [
        f"{name.removesuffix('_id')}: {_shown(value)}"
        for name, value in replay.criteria.items()
        if name not in ("by", "orders")
    ]
    orders = replay.criteria.get("orders")
    if isinstance(orders, list) and orders:
        more = " …" if len(orders) > _NAMED_KEYS else ""
        fields.append(", ".join(map(str, orders[:_NAMED_KEYS])) + more)
    return ", ".join(fields) or "all stores"


def _shown(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


async def _select(request: Request, params: QueryParams) -> tuple[Selection, datetime | None]:
    """Return the ticked or else the filtered orders, and the end of the filter.

    The end of a filter is exclusive, that of a selection inclusive.

    Raises:
        ErrorPage: The filter is invalid, or matches too many orders to list.
    """
    ticked = tuple(dict.fromkeys(params.getlist("order")))
    if any("/" not in key for key in ticked):
        raise ErrorPage("This order does not exist.")
    if ticked:
        return Selection(keys=ticked[:_MOST_KEYS]), None
    can_edit = principal_of(request).can_edit
    filtered = read_filter(params, context_of(request).now(), may_see_buyers=can_edit)
    if filtered.errors:
        raise ErrorPage("The filter is not valid. Go back and correct it.")
    query = filtered.query
    used = {name for name, value in filtered.values.items() if value and name != "sort"}
    is_plain = not filtered.search and query.asin is None and query.product != ""
    if used <= _BY_FIELD and is_plain and (query.product is None or query.reason is not None):
        until = query.purchased_to
        selection = Selection(
            store_id=query.store_id,
            reason=query.reason,
            sku=query.product,
            since=query.purchased_from,
            until=None if until is None else until - _MILLISECOND,
            state=query.state,
        )
        return selection, until
    keys: list[str] = []
    async for row in context_of(request).orders.stream(query):
        keys.append(row.key)
        if len(keys) > _MOST_KEYS:
            raise ErrorPage("There are more than 5,000 orders. Narrow the filter.")
    if not keys:
        raise ErrorPage("This order does not exist.")
    return Selection(keys=tuple(keys)), None
