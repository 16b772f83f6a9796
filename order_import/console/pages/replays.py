"""Replays: what one would do, then as a job with a page of its own."""

from http import HTTPStatus

from starlette.datastructures import FormData, ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from order_import.console import urls
from order_import.console.auth import principal_of
from order_import.console.language import gettext_noop
from order_import.console.order_filter import OrderFilter, read_filter
from order_import.console.ports import PortError
from order_import.console.rendering import (
    audit,
    context_of,
    error_page,
    get,
    post,
    redirect,
    render,
    text_of,
)
from order_import.console.replay_port import ReplayScope
from order_import.console.system_message import stores_of

_LISTED = 50
_MOST_KEYS = 5_000
_BY_SCOPE = frozenset({"store", "state", "reason", "product", "from", "to"})
"""The fields of a filter that a replay understands itself; all others are made a list of orders."""


async def replays(request: Request) -> Response:
    """Show the newest replays."""
    context = context_of(request)
    try:
        jobs = await context.replays.list(_LISTED)
        error = None
    except PortError as problem:
        jobs, error = [], str(problem)
    return await render(request, "replays.html", jobs=jobs, error=error)


async def dry_run(request: Request) -> Response:
    """Say what a replay of a selection, of a group or of a filter would do."""
    return await _plan_page(request, request.query_params, {})


async def dry_run_of_form(request: Request, form: FormData) -> Response:
    """The same for a selection that is too long for an address."""
    if not form.getlist("order"):
        return await error_page(request, HTTPStatus.BAD_REQUEST, "Nothing was chosen.")
    return await _plan_page(request, form, {})


async def _plan_page(
    request: Request,
    asked: ImmutableMultiDict[str, str] | FormData,
    errors: dict[str, str],
) -> Response:
    context = context_of(request)
    try:
        scope, filtered = await _scope_of(request, asked)
        plan = await context.replays.plan(scope)
    except PortError as problem:
        return await error_page(request, HTTPStatus.BAD_REQUEST, str(problem))
    return await render(
        request,
        "plan.html",
        status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        plan=plan,
        scope=scope,
        filtered=filtered,
        fields=_fields_of(asked),
        errors=errors,
        stores=await stores_of(context),
        why=str(asked.get("why", "")),
    )


async def start(request: Request, form: FormData) -> Response:
    """Start a replay, with a reason."""
    context = context_of(request)
    why = text_of(form, "why")
    if not why:
        errors = {"why": gettext_noop("Say why, for those who look at this later.")}
        return await _plan_page(request, form, errors)
    try:
        scope, _ = await _scope_of(request, form)
        by = principal_of(request).user or ""
        replay_id = await context.replays.start(scope, reason=why[:500], by=by)
    except PortError as problem:
        return await error_page(request, HTTPStatus.CONFLICT, str(problem))
    await audit(request, "replay-started", replay_id, why)
    return redirect(urls.replay(replay_id), "replay-started")


async def replay(request: Request) -> Response:
    """Show one replay: how far it is, and what came of it."""
    try:
        job = await context_of(request).replays.get(request.path_params["replay_id"])
    except PortError as problem:
        return await error_page(request, HTTPStatus.SERVICE_UNAVAILABLE, str(problem))
    if job is None:
        return await error_page(request, HTTPStatus.NOT_FOUND, "There is no such replay.")
    return await render(request, "replay.html", job=job)


async def cancel(request: Request, form: FormData) -> Response:
    """Stop a replay after the step it is in."""
    del form
    replay_id = request.path_params["replay_id"]
    try:
        await context_of(request).replays.cancel(replay_id)
    except PortError as problem:
        return await error_page(request, HTTPStatus.CONFLICT, str(problem))
    await audit(request, "replay-canceled", replay_id)
    return redirect(urls.replay(replay_id), "canceled")


async def _scope_of(
    request: Request, asked: ImmutableMultiDict[str, str] | FormData
) -> tuple[ReplayScope, OrderFilter | None]:
    """Give the orders meant: those ticked, else those filtered.

    Raises:
        PortError: The filter is wrong, or asks for too many orders to name.
    """
    chosen = tuple(dict.fromkeys(str(one) for one in asked.getlist("order")))
    if any("/" not in one for one in chosen):
        raise PortError("There is no such order.")
    if chosen:
        return ReplayScope(orders=chosen[:_MOST_KEYS]), None
    fields = {name: str(value) for name, value in asked.items()}
    filtered = read_filter(fields, may_see_buyers=principal_of(request).can_edit)
    if filtered.errors:
        raise PortError("The filter is wrong. Go back and mend it.")
    query = filtered.query
    used = {name for name, value in filtered.values.items() if value and name != "sort"}
    is_plain = not filtered.search and query.asin is None and query.product != ""
    if used <= _BY_SCOPE and is_plain and (query.product is None or query.reason is not None):
        scope = ReplayScope(
            store_id=query.store_id,
            reason=query.reason,
            sku=query.product,
            since=query.purchased_from,
            until=query.purchased_to,
            state=query.state,
        )
        return scope, filtered
    keys: list[str] = []
    async for row in context_of(request).orders.stream(query):
        keys.append(row.key)
        if len(keys) > _MOST_KEYS:
            raise PortError("These are more than 5,000 orders. Narrow the filter.")
    if not keys:
        raise PortError("There is no such order.")
    return ReplayScope(orders=tuple(keys)), filtered


def _fields_of(
    asked: ImmutableMultiDict[str, str] | FormData,
) -> list[tuple[str, str]]:
    """Give what names the orders, to be sent along when it is started."""
    kept = {"csrf", "why"}
    return [(name, str(value)) for name, value in asked.multi_items() if name not in kept and value]


ROUTES: list[BaseRoute] = [
    get("/replays", replays),
    get("/replays/new", dry_run, from_here=True),
    post("/replays/new", dry_run_of_form, viewers=True),
    post("/replays", start),
    get("/replays/{replay_id}", replay),
    post("/replays/{replay_id}/cancel", cancel),
]
