"""Orders API v0: `getOrder` with or without items, `getOrders`, and the bodies of details.

Source: `models/orders-api-model/ordersV0.json` of amzn/selling-partner-api-models. Everything
except an id may be missing: prices while an order is pending, address and buyer without a role
for personal data, the SKU of an item.
"""

from typing import Annotated, Final

from pydantic import (
    AliasChoices,
    AliasPath,
    FailFast,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from handlers.payloads.charges import V0Price, read_v0_charges, read_v0_tax_collection
from handlers.payloads.fields import (
    BLANK,
    LISTED,
    OPTIONAL,
    Asin,
    Reason,
    Text,
    V0SalesChannel,
    count_units,
    is_true,
)
from handlers.payloads.gifts import read_v0_gifts
from handlers.payloads.wire import (
    V0_ITEM,
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
from models.amazon_order import Address, AmazonOrder, Buyer, ChargesTold, Clocks, OrderItem

MARKS = frozenset({"AmazonOrderId", "OrderStatus", "PurchaseDate", "OrderItems"})
"""A body with any of these names is meant to be an order, or details of one."""

_PROGRAMS = {
    "IsPrime": "PRIME",
    "IsPremiumOrder": "PREMIUM",
    "IsBusinessOrder": "BUSINESS",
    "IsReplacementOrder": "REPLACEMENT",
}


class V0Item(WireItem):
    """An order item. `ItemPrice` and `ItemTax` are amounts of the line, not of one unit."""

    model_config = named(
        order_item_id="OrderItemId",
        seller_sku="SellerSKU",
        asin="ASIN",
        title="Title",
        quantity="QuantityOrdered",
        quantity_shipped="QuantityShipped",
        price="ItemPrice",
        tax="ItemTax",
        buyer_requested_cancel=AliasPath("BuyerRequestedCancel", "IsBuyerRequestedCancel"),
        cancel_reason=AliasPath("BuyerRequestedCancel", "BuyerCancelReason"),
    )
    asin: Asin = None
    title: Text = None
    price: V0Price = None
    tax: V0Price = None
    cancel_reason: Reason = None


def _read_item(value: object, read: ValidatorFunctionWrapHandler) -> object:
    if not isinstance(value, dict):
        return read(value)
    put = {"charges": read_v0_charges(value), "tax_collection": read_v0_tax_collection(value)}
    return read(value | put)


class V0Buyer(WireBuyer):
    """`BuyerInfo`, which is also the whole body of `getOrderBuyerInfo`."""

    model_config = named(name="BuyerName", email="BuyerEmail")


class V0Address(WireAddress):
    """`ShippingAddress`."""

    model_config = named(
        name="Name",
        lines="AddressLine",
        city="City",
        region="StateOrRegion",
        postal_code="PostalCode",
        country="CountryCode",
        phone="Phone",
    )


class V0Order(WireOrder):
    """An order, or an order's id with some of its details."""

    model_config = named(
        amazon_order_id="AmazonOrderId",
        marketplace_id="MarketplaceId",
        status="OrderStatus",
        fulfillment_channel="FulfillmentChannel",
        sales_channel="SalesChannel",
        purchase_date="PurchaseDate",
        last_update_date="LastUpdateDate",
        latest_ship_date="LatestShipDate",
        latest_delivery_date="LatestDeliveryDate",
        total="OrderTotal",
        purchase_order_number=AliasChoices(
            AliasPath("BuyerInfo", "PurchaseOrderNumber"), "PurchaseOrderNumber"
        ),
        buyer="BuyerInfo",
        ship_to="ShippingAddress",
        items="OrderItems",
        shipping_service="ShipServiceLevel",
    )
    marketplace_id: Text = None
    sales_channel: V0SalesChannel = None
    total: V0Price = None
    buyer: Annotated[Annotated[V0Buyer, becomes(Buyer)] | None, BLANK, OPTIONAL] = None
    ship_to: Annotated[
        Annotated[V0Address, becomes(Address), address_lines("AddressLine")] | None,
        BLANK,
        OPTIONAL,
    ] = None
    items: Annotated[
        tuple[Annotated[V0Item, becomes(OrderItem), WrapValidator(_read_item)], ...],
        FailFast(),
        LISTED,
    ] = ()


SAYS: Final = (
    "OrderStatus",
    "PurchaseDate",
    "LastUpdateDate",
    "FulfillmentChannel",
    "OrderTotal",
    "OrderItems",
    "ShippingAddress",
    "BuyerInfo",
    "BuyerName",
    "BuyerEmail",
    "PurchaseOrderNumber",
)
"""A body has at least one of these; without them, it says nothing that is read."""

_ORDER_NAMES = {**by_letters(V0_ORDER), "orderid": "AmazonOrderId"}
_ITEM_NAMES = by_letters(V0_ITEM)
_BUYER_INFO_LIST = frozenset({"AmazonOrderId", "OrderItems", "NextToken", "store_id"})
_ITEM_BUYER_INFO = frozenset(
    {
        "OrderItemId",
        "BuyerCustomizedInfo",
        "GiftWrapPrice",
        "GiftWrapTax",
        "GiftMessageText",
        "GiftWrapLevel",
    }
)
"""The names in a body of `getOrderItemsBuyerInfo`, and in its items.

An item that is no gift has only its id.
"""


def why_no_v0(body: Object) -> str | None:
    """Return why a body is not a known body of Orders API v0; None if it is one."""
    items = body.get("OrderItems")
    items = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    names = find_misspelled(body, V0_ORDER, _ORDER_NAMES)
    for item in items:
        names += find_misspelled(item, V0_ITEM, _ITEM_NAMES)
    if names:
        return spelling_expected(names)
    # An empty list of items is an answer; other empty values say nothing.
    says = body.get("OrderItems") is not None or any(body.get(name) for name in SAYS)
    if "AmazonOrderId" in body and not says:
        return f"expected at least one of {', '.join(SAYS)}"
    return None


def _find_buyer_info(body: Object) -> list[Object] | None:
    """Return the items of a body of `getOrderItemsBuyerInfo`; None if it is another body."""
    items = body.get("OrderItems")
    if not (body.keys() <= _BUYER_INFO_LIST and isinstance(items, list) and items):
        return None
    objects = all(isinstance(item, dict) for item in items)
    return items if objects and all(item.keys() <= _ITEM_BUYER_INFO for item in items) else None


def read_v0(body: Object) -> AmazonOrder:
    """Read an order, or the details of one, of Orders API v0.

    The items are complete if there are any and no `NextToken` says that more follow. An empty list
    says nothing: Amazon has been seen to send one for an order that has items.

    Raises:
        ValidationError: A field does not match the schema.
    """
    order = body | {
        "items_complete": bool(body.get("OrderItems")) and not body.get("NextToken"),
        "items_expected": count_units(body),
        "charges": (),
        "gifts": read_v0_gifts(body.get("OrderItems")),
        "programs": [name for flag, name in _PROGRAMS.items() if is_true(body.get(flag))],
        "packages": (),
        "is_notification": False,
        "charges_told": ChargesTold.GIFT_WRAP_OPTIONAL,
        "clocks": Clocks(),
    }
    if (items := _find_buyer_info(body)) is not None:
        order |= {
            "OrderItems": [item | {"QuantityOrdered": 0} for item in items],
            "items_complete": False,
            "charges_told": ChargesTold.GIFT_WRAP,
        }
    if "BuyerInfo" not in body and ("BuyerName" in body or "BuyerEmail" in body):
        order["BuyerInfo"] = V0Buyer.model_validate(body)
    return finish_order(V0Order.model_validate(order))
