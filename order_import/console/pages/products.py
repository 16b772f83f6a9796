"""Products: matching a seller SKU to one, and enabling a disabled one as Commerce would."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from models import keys
from models.order_query import OrderQuery
from models.outcome import ImportState
from models.reference_data import Listing
from order_import.console import urls
from order_import.console.error_pages import NotFound
from order_import.console.language import gettext_noop
from order_import.console.rendering import audit, context_of, redirect, render
from order_import.operations.publish import fact_message

_SUGGESTED, _COUNTED = 12, 1_000
_MILLISECOND = timedelta(milliseconds=1)
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
    try:
        listing = Listing(store_id=store_id, seller_sku=seller_sku, sku=sku, updated_at=at)
    except ValidationError:
        return await _match_page(request, form, {"sku": gettext_noop("This is not a valid SKU.")})
    await context.publish([fact_message(listing)])
    await audit(request, "matched", key, f"→ {sku}")
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
    if not stored.product.enabled:
        # Keep the quantity and very nearly the time of Commerce's own count: a newer time would
        # release reservations that Commerce has not counted yet.
        update = {"enabled": True, "as_of": stored.product.as_of + _MILLISECOND}
        await context.publish([fact_message(stored.product.model_copy(update=update))])
        await audit(request, "enabled", sku)

        async def is_enabled() -> bool:
            now = (await context.orders.products([sku])).get(sku)
            return now is None or now.product.enabled

        await context.wait_until(is_enabled)
    return redirect(urls.query("/blocked", store=form.get("store")), "enabled")
