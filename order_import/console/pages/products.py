"""Products: enabling a disabled one with the message that Commerce would send."""

import asyncio
from datetime import timedelta
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from models.reference_data import StockedProduct
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
from order_import.operations.publish import product_message


async def enable(request: Request, form: FormData) -> Response:
    """Publish a product as enabled. The next message from Commerce replaces this."""
    context = context_of(request)
    sku = raw_of(form, "sku")
    stored = (await context.orders.products([sku])).get(sku)
    if stored is None:
        return await error_page(
            request, HTTPStatus.NOT_FOUND, "The catalog has no product of this SKU."
        )
    # Without a quantity, the product's last count stays.
    at = stored.product.as_of + timedelta(milliseconds=1)
    changes = {"enabled": True, "disabled_for": (), "as_of": at}
    enabled = stored.product.model_copy(update=changes)
    if not _is_enabled(stored):
        await context.publish([product_message(enabled)])
        await audit(request, "enabled", sku)
        await _wait_until_enabled(request, sku)
    return redirect(urls.query("/blocked", store=text_of(form, "store") or None), "enabled")


def _is_enabled(product: StockedProduct) -> bool:
    return product.product.enabled and not product.product.disabled_for


async def _wait_until_enabled(request: Request, sku: str) -> None:
    """Wait a moment for the worker, so that the next page shows the change."""
    context = context_of(request)
    for _ in range(10):
        await asyncio.sleep(0.15)
        now = (await context.orders.products([sku])).get(sku)
        if now is None or _is_enabled(now):
            break
    context.cache.forget()


ROUTES: list[BaseRoute] = [post("/products/enable", enable)]
