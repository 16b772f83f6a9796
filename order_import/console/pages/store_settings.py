"""A store's settings that operators switch, after a page that shows the consequences."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models.order_query import OrderQuery
from models.outcome import ImportState
from models.reasons import SkipReason
from models.reference_data import Store
from order_import.console import urls
from order_import.console.error_pages import NotFound
from order_import.console.rendering import audit, context_of, redirect, render
from order_import.operations.publish import fact_message

_COUNTED, _LOOKED = 1_000, 0.03
"""How many skipped orders are counted at most, and for how many seconds."""


class Switch(NamedTuple):
    """A setting that is on or off.

    `skips` is the reason for which orders are skipped while it is off, and `action` its name in
    the audit log, without `-on` or `-off`.
    """

    field: str
    template: str
    skips: SkipReason
    action: str


_SWITCHES = {
    "import": Switch(
        "import_amazon_orders", "import_switch.html", SkipReason.IMPORT_DISABLED, "import"
    ),
    "import-non-amazon": Switch(
        "import_non_amazon_orders",
        "non_amazon_switch.html",
        SkipReason.NOT_SOLD_ON_AMAZON,
        "non-amazon",
    ),
}
"""The switches by their page below the store's."""


async def _find(request: Request) -> tuple[Switch, Store]:
    switch = _SWITCHES.get(request.path_params["switch"])
    store = (await context_of(request).reader.stores()).get(request.path_params["store_id"])
    if switch is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    if store is None:
        raise NotFound("This store does not exist.")
    return switch, store


async def confirm(request: Request) -> Response:
    """Show what turning the setting on or off will do, before it is done."""
    context = context_of(request)
    switch, store = await _find(request)
    query = OrderQuery(
        store_id=store.store_id, state=ImportState.SKIPPED, reason=switch.skips.value
    )
    looking = context.orders.search(
        query, None, at=context.now(), forward=True, limit=_COUNTED, seconds=_LOOKED, at_least=50
    )
    counts, skipped = await asyncio.gather(context.counts(), looking)
    return await render(
        request,
        switch.template,
        store=store,
        skipped=len(skipped.rows),
        skips_more=skipped.reached is not None or len(skipped.rows) == _COUNTED,
        blocked=counts.get(store.store_id, {}).get(ImportState.BLOCKED, 0),
    )


async def publish(request: Request, form: QueryParams) -> Response:
    """Publish the store's settings with this one on or off."""
    context = context_of(request)
    switch, store = await _find(request)
    on = form.get("import") == "on"
    at = max(context.now(), store.updated_at + timedelta(milliseconds=1))
    await context.publish(
        [fact_message(store.model_copy(update={switch.field: on, "updated_at": at}))]
    )
    action = f"{switch.action}-on" if on else f"{switch.action}-off"
    await audit(request, action, store.store_id)

    async def is_stored() -> bool:
        stored = (await context.reader.stores()).get(store.store_id)
        return stored is not None and stored.updated_at >= at

    await context.wait_until(is_stored)
    return redirect(urls.store(store.store_id), action)
