"""Orders API 2026-01-01: `getOrder`, a bare order, or an order of a `searchOrders` page.

Source: `models/orders-api-model/orders_2026-01-01.json` of amzn/selling-partner-api-models.
The fulfillment block, with status and channel, is only there if the request asked for it.
"""

from typing import Annotated, Any, Final

from pydantic import (
    AliasChoices,
    AliasPath,
    FailFast,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from handlers.payloads.charges import (
    Price2026,
    find_subtotals,
    read_2026_charges,
    read_2026_order_charges,
    read_2026_tax_collection,
)
from handlers.payloads.fields import (
    BLANK,
    LISTED,
    OPTIONAL,
    Asin,
    ChannelName,
    Programs,
    Reason,
    Text,
    Time,
)
from handlers.payloads.gifts import read_2026_gifts
from handlers.payloads.wire import (
    ORDER_2026,
    V0_ORDER,
    Object,
    WireAddress,
    WireBuyer,
    WireItem,
    WireOrder,
    address_lines,
    becomes,
    by_letters,
    find_misspelled,
    finish_order,
    named,
    spelling_expected,
)
from models.amazon_order import (
    Address,
    AmazonOrder,
    Buyer,
    ChargesTold,
    Clocks,
    OrderItem,
    Package,
)
from models.money import Money

MARKS = frozenset({"orderItems", "createdTime"})
"""A body with any of these names is meant to be an order."""

_SUBTOTALS = "proceeds.breakdowns"
"""The key for an item's breakdowns by type, named after the place they come from."""

_REQUESTED = "cancellation.cancellationRequest.requester"
"""The key for whether the buyer asks to cancel an item."""

_DELIVERED = "packageStatus.status"
"""The key for the time at which a parcel is reported as delivered: that of the body."""

_REPLACEMENT = "REPLACEMENT_ORIGINAL_ID"


class Item2026(WireItem):
    """An order item. `price` is first read as the line's subtotal, or else as a unit price."""

    model_config = named(
        order_item_id="orderItemId",
        seller_sku=AliasPath("product", "sellerSku"),
        asin=AliasPath("product", "asin"),
        title=AliasPath("product", "title"),
        quantity="quantityOrdered",
        quantity_shipped=AliasPath("fulfillment", "quantityFulfilled"),
        price=AliasChoices(
            AliasPath(_SUBTOTALS, "ITEM"), AliasPath("product", "price", "unitPrice")
        ),
        tax=AliasPath(_SUBTOTALS, "TAX"),
        buyer_requested_cancel=_REQUESTED,
        cancel_reason=AliasPath("cancellation", "cancellationRequest", "cancelReason"),
    )
    asin: Asin = None
    title: Text = None
    price: Price2026 = None
    tax: Price2026 = None
    cancel_reason: Reason = None


def _is_requested(item: dict[Any, Any]) -> bool | None:
    """Return whether the buyer asks to cancel; None without that block."""
    cancellation = item.get("cancellation")
    if not isinstance(cancellation, dict):
        return None
    request = cancellation.get("cancellationRequest")
    return isinstance(request, dict) and request.get("requester") == "BUYER"


def _units_left(item: dict[Any, Any]) -> Object:
    """Return the units left of a partly canceled item, if Amazon counts them."""
    cancellation, fulfillment = item.get("cancellation"), item.get("fulfillment")
    if not isinstance(cancellation, dict) or not isinstance(fulfillment, dict):
        return {}
    ordered = item.get("quantityOrdered")
    counts = [fulfillment.get(f"quantity{name}") for name in ("Fulfilled", "Unfulfilled")]
    left = sum(count for count in counts if isinstance(count, int))
    if not cancellation.get("cancellationExecution") or None in counts:
        return {}
    return {"quantityOrdered": left} if isinstance(ordered, int) and left < ordered else {}


def _read_item(value: object, read: ValidatorFunctionWrapHandler) -> object:
    if not isinstance(value, dict):
        return read(value)
    subtotals = find_subtotals(value.get("proceeds"))
    proceeds = read_2026_charges(value, subtotals)
    put = {
        _SUBTOTALS: subtotals,
        _REQUESTED: _is_requested(value),
        "charges": proceeds.charges if proceeds else () if subtotals else None,
        "tax_collection": read_2026_tax_collection(value),
    } | _units_left(value)
    item: OrderItem = read(value | put)
    update: dict[str, object] = {} if proceeds is None else {"tax": proceeds.tax}
    if item.price is not None and "ITEM" not in subtotals:
        amount = item.price.amount * item.quantity
        update["price"] = Money(amount=amount, currency=item.price.currency)
    return item.model_copy(update=update) if update else item


class Buyer2026(WireBuyer):
    """`buyer`."""

    model_config = named(name="buyerName", email="buyerEmail")


class Address2026(WireAddress):
    """`recipient.deliveryAddress`."""

    model_config = named(
        lines="addressLine",
        region="stateOrRegion",
        postal_code="postalCode",
        country="countryCode",
    )


class Package2026(Package):
    """A parcel."""

    model_config = named(
        tracking_number="trackingNumber", shipped_at="shipTime", delivered_at=_DELIVERED
    )
    carrier: Text = None
    tracking_number: Text = None
    shipped_at: Time = None
    delivered_at: Time = None


class Order2026(WireOrder):
    """An order, with its blocks flattened."""

    model_config = named(
        amazon_order_id="orderId",
        marketplace_id=AliasPath("salesChannel", "marketplaceId"),
        status=AliasPath("fulfillment", "fulfillmentStatus"),
        fulfillment_channel=AliasPath("fulfillment", "fulfilledBy"),
        sales_channel=AliasPath("salesChannel", "channelName"),
        purchase_date="createdTime",
        last_update_date="lastUpdatedTime",
        latest_ship_date=AliasPath("fulfillment", "shipByWindow", "latestDateTime"),
        latest_delivery_date=AliasPath("fulfillment", "deliverByWindow", "latestDateTime"),
        total=AliasPath("proceeds", "grandTotal"),
        purchase_order_number=AliasPath("buyer", "buyerPurchaseOrderNumber"),
        ship_to=AliasPath("recipient", "deliveryAddress"),
        items="orderItems",
        shipping_service=AliasPath("fulfillment", "fulfillmentServiceLevel"),
    )
    marketplace_id: Text = None
    sales_channel: ChannelName = None
    total: Price2026 = None
    buyer: Annotated[Annotated[Buyer2026, becomes(Buyer)] | None, BLANK, OPTIONAL] = None
    ship_to: Annotated[
        Annotated[Address2026, becomes(Address), address_lines("addressLine")] | None,
        BLANK,
        OPTIONAL,
    ] = None
    items: Annotated[
        tuple[Annotated[Item2026, becomes(OrderItem), WrapValidator(_read_item)], ...],
        FailFast(),
        LISTED,
    ] = ()
    programs: Programs = ()
    packages: Annotated[
        tuple[Annotated[Package2026, becomes(Package)], ...], FailFast(), LISTED
    ] = ()


SAYS: Final = (
    "createdTime",
    "lastUpdatedTime",
    "fulfillment",
    "proceeds",
    "orderItems",
    "recipient",
    "buyer",
    "packages",
)
"""A body has at least one of these; without them, it says nothing that is read."""

_TIMES = frozenset({"createdTime", "lastUpdatedTime"})
"""Every order has these. A body without them may be an order of v0 in camel case."""

_NAMES = by_letters(V0_ORDER - {"SalesChannel", "OrderItems"}, ORDER_2026)


def why_no_2026(body: Object) -> str | None:
    """Return why a body is not an order of Orders API 2026-01-01; None if it is one."""
    if _TIMES.isdisjoint(body) and (names := find_misspelled(body, ORDER_2026, _NAMES)):
        return spelling_expected(names)
    says = body.get("orderItems") is not None or any(body.get(name) for name in SAYS)
    if "orderId" in body and not says:
        return f"expected at least one of {', '.join(SAYS)}"
    return None


def read_2026(body: Object) -> AmazonOrder:
    """Read an order of Orders API 2026-01-01; its items are never paged.

    Raises:
        ValidationError: A field does not match the schema.
    """
    order = body | {
        "items_complete": bool(body.get("orderItems")),
        "items_expected": None,
        "packages": _date_deliveries(body.get("packages"), body.get("lastUpdatedTime")),
        "charges": read_2026_order_charges(body),
        "gifts": read_2026_gifts(body.get("orderItems")),
        "is_notification": False,
        "charges_told": ChargesTold.ALL,
        "clocks": Clocks(),
    }
    programs = body.get("programs") or []
    if isinstance(programs, list) and _is_replacement(body.get("associatedOrders")):
        order["programs"] = [*programs, "REPLACEMENT"]
    return finish_order(Order2026.model_validate(order))


def _date_deliveries(packages: object, at: object) -> object:
    """Add the body's time to each delivered parcel: Amazon tells no time of delivery."""
    if not isinstance(packages, list):
        return packages
    return [
        package | {_DELIVERED: at}
        if isinstance(package, dict) and _status_of(package) == "DELIVERED"
        else package
        for package in packages
    ]


def _status_of(package: Object) -> object:
    status = package.get("packageStatus")
    return status.get("status") if isinstance(status, dict) else None


def _is_replacement(associated: object) -> bool:
    return isinstance(associated, list) and any(
        isinstance(other, dict) and other.get("associationType") == _REPLACEMENT
        for other in associated
    )
