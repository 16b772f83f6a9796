"""Products: matching a seller SKU to one, and enabling a disabled one as Commerce would."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from models import keys
from models.labels import describe_match
from models.order_query import OrderQuery
from models.outcome import ImportState
from models.reference_data import Listing, StockedProduct
from order_import.console import urls
from order_import.console.error_pages import NotFound
from order_import.console.language import gettext_noop
from order_import.console.rendering import audit, context_of, redirect, render
from order_import.operations.publish import fact_message

_SUGGESTED, _COUNTED = 12, 1_000
_MILLISECOND = timedelta(milliseconds=1)
_BAD_SKU = {"sku": gettext_noop("This is not a valid SKU.")}
_BAD_UNITS = {"units": gettext_noop("Expected a whole number from 1 to 10,000.")}
_NOT_IN_CATALOG = gettext_noop("The catalog has no product with this SKU.")


async def match(request: Request) -> Response:
    """Show the form that matches a seller SKU to a catalog SKU."""
    return await _match_page(request, request.query_params, {})


async def _match_page(request: Request, fields: QueryParams, errors: Mapping[str, str]) -> Response:
    context = context_of(request)
    stores = await context.stores()
    store, seller_sku = stores.get(fields.get("store", "")), fields.get("seller_sku", "")
    if not seller_sku:
        raise NotFound("This order line does not exist.")
    typed = fields.get("sku", "")
    listing, waiting = None, None
    if store is not None:
        query = OrderQuery(store_id=store.store_id, state=ImportState.BLOCKED, sku=seller_sku)
        listing = await context.orders.listing(keys.listing_key(store.store_id, seller_sku))
        waiting = await context.orders.count(query, _COUNTED)
    matched = seller_sku if listing is None else listing.sku
    similar = () if matched is None else await context.orders.similar_skus(matched)
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
        units=fields.get("units", "1"),
        errors=errors,
        listing=listing,
        similar=similar,
        suggested=dict.fromkeys((*similar, *like)),
        waiting=None if waiting == _COUNTED else waiting,
        back=_back(fields),
    )


async def publish_match(request: Request, form: QueryParams) -> Response:
    """Publish the match."""
    context = context_of(request)
    store_id, seller_sku, typed = (form.get(name, "") for name in ("store", "seller_sku", "sku"))
    # A trailing blank may belong to the SKU, but more often it was pasted with it.
    there = await context.orders.products([typed, typed.strip()])
    sku = typed if typed in there else typed.strip()
    if sku not in there:
        return await _match_page(request, form, {"sku": _NOT_IN_CATALOG})
    if store_id not in await context.reader.stores():
        return await _match_page(request, form, {"store": gettext_noop("Select a store.")})
    key = keys.listing_key(store_id, seller_sku)
    previous = await context.orders.listing(key)
    at = context.now()
    if previous is not None:
        at = max(at, previous.updated_at + _MILLISECOND)
    units = form.get("units", "1")
    match: dict[str, Any] = {"sku": sku}
    if units != "1":
        match = {"components": [{"sku": sku, "quantity": units}]}
    try:
        listing = Listing(store_id=store_id, seller_sku=seller_sku, updated_at=at, **match)
    except ValidationError as error:
        is_number = any("quantity" in each["loc"] for each in error.errors())
        return await _match_page(request, form, _BAD_UNITS if is_number else _BAD_SKU)
    await context.publish([fact_message(listing)])
    await audit(request, "matched", key, f"→ {describe_match(listing.match)}")
    context.cache.forget()
    return redirect(_back(form), "matched")


def _back(fields: QueryParams) -> str:
    path = fields.get("back", "")
    return path if urls.is_local(path) else "/blocked"


async def enable(request: Request, form: QueryParams) -> Response:
    """Publish a product as enabled. The next message from Commerce replaces this."""
    context = context_of(request)
    sku = form.get("sku", "")
    stored = (await context.orders.products([sku])).get(sku)
    if stored is None:
        raise NotFound(_NOT_IN_CATALOG)
    if not _is_enabled(stored):
        # Without a quantity, the product's last count stays.
        at = stored.product.as_of + _MILLISECOND
        update = {"enabled": True, "disabled_for": (), "as_of": at}
        await context.publish([fact_message(stored.product.model_copy(update=update))])
        await audit(request, "enabled", sku)

        async def is_enabled() -> bool:
            now = (await context.orders.products([sku])).get(sku)
            return now is None or _is_enabled(now)

        await context.wait_until(is_enabled)
    return redirect(urls.query("/blocked", store=form.get("store")), "enabled")


def _is_enabled(product: StockedProduct) -> bool:
    return product.product.enabled and not product.product.disabled_for
