"""A store's settings that operators switch, after a page that shows the consequences."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from models.order_query import OrderQuery
from models.outcome import ImportState, SkipReason
from models.reference_data import Store
from order_import.console import urls
from order_import.console.rendering import (
    Action,
    Page,
    audit,
    context_of,
    error_page,
    get,
    post,
    redirect,
    render,
    text_of,
)
from order_import.operations.publish import fact_message

_COUNTED, _LOOKED = 1_000, 0.03
"""How many skipped orders are counted at most, and for how many seconds."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that is on or off.

    `path` is its page below the store's, and `skips` the reason for which orders are skipped while
    it is off. `action` is its name in the audit log, without `-on` or `-off`.
    """

    field: str
    path: str
    template: str
    skips: SkipReason
    action: str


_SWITCHES = (
    Switch(
        "import_amazon_orders",
        "import",
        "import_switch.html",
        SkipReason.IMPORT_DISABLED,
        "import",
    ),
    Switch(
        "import_non_amazon_orders",
        "import-non-amazon",
        "non_amazon_switch.html",
        SkipReason.NOT_SOLD_ON_AMAZON,
        "non-amazon",
    ),
)


def _confirm(switch: Switch) -> Page:
    async def confirm(request: Request) -> Response:
        """Show what turning the setting on or off will do, before it is done."""
        store_id = request.path_params["store_id"]
        context = context_of(request)
        store = (await context.reader.stores()).get(store_id)
        if store is None:
            return await error_page(request, HTTPStatus.NOT_FOUND, "There is no such store.")
        query = OrderQuery(store_id=store_id, state=ImportState.SKIPPED, reason=switch.skips.value)
        counts, skipped = await asyncio.gather(
            context.counts(),
            context.orders.search(
                query,
                None,
                at=context.now(),
                forward=True,
                limit=_COUNTED,
                seconds=_LOOKED,
                at_least=50,
            ),
        )
        is_all = skipped.reached is None and len(skipped.rows) < _COUNTED
        return await render(
            request,
            switch.template,
            store_id=store_id,
            store=store,
            skipped=len(skipped.rows),
            skips_more=not is_all,
            blocked=counts.get(store_id, {}).get(ImportState.BLOCKED, 0),
        )

    return confirm


def _switch(switch: Switch) -> Action:
    async def publish(request: Request, form: FormData) -> Response:
        """Publish the store's settings with this one on or off."""
        store_id = request.path_params["store_id"]
        context = context_of(request)
        store = (await context.reader.stores()).get(store_id)
        if store is None:
            return await error_page(request, HTTPStatus.NOT_FOUND, "There is no such store.")
        on = text_of(form, "import") == "on"
        at = max(context.now(), store.updated_at + timedelta(milliseconds=1))
        changed = store.model_copy(update={switch.field: on, "updated_at": at})
        await context.publish([fact_message(changed)])
        action = f"{switch.action}-on" if on else f"{switch.action}-off"
        await audit(request, action, store_id)
        await _wait_until_stored(request, changed)
        return redirect(urls.store(store_id), action)

    return publish


async def _wait_until_stored(request: Request, changed: Store) -> None:
    """Wait a moment for the worker, so that the next page shows the change."""
    context = context_of(request)
    for _ in range(10):
        await asyncio.sleep(0.15)
        now = (await context.reader.stores()).get(changed.store_id)
        if now is not None and now.updated_at >= changed.updated_at:
            break
    context.cache.forget()


ROUTES: list[BaseRoute] = [
    route
    for switch in _SWITCHES
    for route in (
        get(f"/stores/{{store_id}}/{switch.path}", _confirm(switch)),
        post(f"/stores/{{store_id}}/{switch.path}", _switch(switch)),
    )
]
