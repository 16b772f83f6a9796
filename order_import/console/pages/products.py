"""Products: enabling a disabled one with the message that Commerce would send."""

import asyncio
from datetime import timedelta
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from order_import.console import urls
from order_import.console.rendering import (
    audit,
    context_of,
    error_page,
    post,
    raw_of,
    redirect,
    text_of,
)
from order_import.operations.publish import fact_message


async def enable(request: Request, form: FormData) -> Response:
    """Publish a product as enabled. The next message from Commerce replaces this."""
    context = context_of(request)
    sku = raw_of(form, "sku")
    stored = (await context.orders.products([sku])).get(sku)
    if stored is None:
        return await error_page(
            request, HTTPStatus.NOT_FOUND, "The catalog has no product of this SKU."
        )
    # Keep the quantity and very nearly the time of Commerce's own count: a newer time would release
    # reservations that Commerce has not counted yet.
    at = stored.product.as_of + timedelta(milliseconds=1)
    enabled = stored.product.model_copy(update={"enabled": True, "as_of": at})
    if not stored.product.enabled:
        await context.publish([fact_message(enabled)])
        await audit(request, "enabled", sku)
        await _wait_until_enabled(request, sku)
    return redirect(urls.query("/blocked", store=text_of(form, "store") or None), "enabled")


async def _wait_until_enabled(request: Request, sku: str) -> None:
    """Wait a moment for the worker, so that the next page shows the change."""
    context = context_of(request)
    for _ in range(10):
        await asyncio.sleep(0.15)
        now = (await context.orders.products([sku])).get(sku)
        if now is None or now.product.enabled:
            break
    context.cache.forget()


ROUTES: list[BaseRoute] = [post("/products/enable", enable)]
