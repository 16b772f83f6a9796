"""Wire classes: how one format writes a model.

A wire class is a subclass of a model that only says how a format writes its fields: under
which names (`named`) and in which types (`handlers.payloads.fields`). It adds no field, so a
validated instance is a whole value of the model, and `becomes` converts it without a copy.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from typing import Any, Final

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    AliasPath,
    BeforeValidator,
    ConfigDict,
)

from handlers.payloads.fields import (
    Channel,
    Flag,
    Quantity,
    SellerSku,
    Status,
    StoreId,
    Text,
    Time,
    has_amount,
    is_blank,
)
from handlers.payloads.result import join_problems
from models.amazon_order import Address, AmazonOrder, Buyer, OrderItem
from models.base import Value

Object = dict[str, Any]
"""A JSON object, not yet validated."""


def named(**names: str | AliasPath | AliasChoices) -> ConfigDict:
    """Return the configuration with the name, or the path, of each field of a model in a format.

    A field without an entry keeps its own name, which no format of Amazon uses.
    """
    return ConfigDict(
        alias_generator=AliasGenerator(validation_alias=lambda field: names.get(field, field))
    )


def becomes(model: type[Value]) -> AfterValidator:
    """Convert a validated instance of a wire class into an instance of its model.

    The instance's class is switched in place: it has exactly the model's fields, all validated, and
    a copy would double the cost of reading an order.
    """

    def recast(value: Value) -> Value:
        object.__setattr__(value, "__class__", model)
        return value

    return AfterValidator(recast)


class WireItem(OrderItem):
    """The fields of a line that all formats write alike."""

    seller_sku: SellerSku = None
    quantity: Quantity
    quantity_shipped: Quantity | None = None
    buyer_requested_cancel: Flag = None


class WireBuyer(Buyer):
    """A buyer, in Amazon's formats."""

    name: Text = None
    email: Text = None


class WireAddress(Address):
    """An address, in Amazon's formats."""

    name: Text = None
    city: Text = None
    region: Text = None
    postal_code: Text = None
    country: Text = None
    phone: Text = None


class WireOrder(AmazonOrder):
    """The fields of an order that its document and both versions of Orders API write alike."""

    store_id: StoreId = None
    status: Status = None
    fulfillment_channel: Channel = None
    purchase_date: Time = None
    last_update_date: Time = None
    latest_ship_date: Time = None
    purchase_order_number: Text = None
    shipping_service: Text = None


def address_lines(first: str) -> BeforeValidator:
    """Collect an address's numbered lines, `AddressLine1` to `AddressLine3`, as `AddressLine`."""
    names = [f"{first}{number}" for number in (1, 2, 3)]

    def collected(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return value | {first: [line for name in names if (line := value.get(name))]}

    return BeforeValidator(collected)


def finish_order(order: AmazonOrder) -> AmazonOrder:
    """Convert a wire order into an `AmazonOrder`.

    A cancellation request at order level applies to all its lines; a request for any line is also a
    request for the order.
    """
    object.__setattr__(order, "__class__", AmazonOrder)
    of_order = order.buyer_requested_cancel
    if of_order is not None and order.items:
        items = tuple(
            item
            if item.buyer_requested_cancel is not None
            else item.model_copy(update={"buyer_requested_cancel": of_order})
            for item in order.items
        )
        order = order.model_copy(update={"items": items})
    requests = {item.buyer_requested_cancel for item in order.items} - {None}
    if not requests:
        return order
    return order.model_copy(update={"buyer_requested_cancel": True in requests})


def with_currency(body: Object, name: str) -> Object | None:
    """Return a copy of an order in which every amount has a currency; None if that is impossible.

    Amazon's schemas require neither field of money. A missing currency is the one that all other
    amounts of the order share; if there are several, or none, it would be a guess.

    `name` is that of the currency field.
    """
    currencies = [money.get(name) for money in _amounts_in(body)]
    distinct = {
        currency for currency in currencies if isinstance(currency, str) and currency.strip()
    }
    if len(distinct) != 1 or not any(map(is_blank, currencies)):
        return None
    complete = deepcopy(body)
    for money in _amounts_in(complete):
        if is_blank(money.get(name)):
            money[name], *_ = distinct
    return complete


def _amounts_in(value: object) -> Iterator[Object]:
    parts = [value]
    while parts:
        match parts.pop():
            case dict() as part:
                if has_amount(part):
                    yield part
                parts += part.values()
            case list() as several:
                parts += several
            case _:
                pass


V0_ORDER: Final = frozenset(
    """
    AmazonOrderId AutomatedShippingSettings BuyerCompanyName BuyerCounty BuyerEmail BuyerInfo
    BuyerInvoicePreference BuyerName BuyerTaxInfo BuyerTaxInformation CbaDisplayableShippingLabel
    DefaultShipFromLocationAddress DeliveryPreferences EarliestDeliveryDate EarliestShipDate
    EasyShipShipmentStatus ElectronicInvoiceStatus FulfillmentChannel FulfillmentInstruction
    HasRegulatedItems IsAccessPointOrder IsBusinessOrder IsEstimatedShipDateSet
    IsGlobalExpressEnabled IsIBA IsISPU IsPremiumOrder IsPrime IsReplacementOrder IsSoldByAB
    LastUpdateDate LatestDeliveryDate LatestShipDate MarketplaceId MarketplaceTaxInfo NextToken
    NumberOfItemsShipped NumberOfItemsUnshipped OrderChannel OrderItems OrderStatus OrderTotal
    OrderType PaymentExecutionDetail PaymentMethod PaymentMethodDetails PromiseResponseDueDate
    PurchaseDate PurchaseOrderNumber RegulatedInformation RegulatedOrderVerificationStatus
    ReplacedOrderId RequiresDosageLabel SalesChannel SellerDisplayName SellerOrderId
    ShipServiceLevel ShipmentServiceLevelCategory ShippingAddress
    """.split()  # noqa: SIM905 - as a list it is a name a line
)
"""The names in an order, or a detail body, of Orders API v0."""

V0_ITEM: Final = frozenset(
    """
    ASIN AmazonPrograms AssociatedItems BuyerInfo BuyerRequestedCancel CODFee CODFeeDiscount
    ConditionId ConditionNote ConditionSubtypeId DeemedResellerCategory IossNumber IsGift
    IsTransparency ItemPrice ItemTax Measurement OrderItemId PointsGranted PriceDesignation
    ProductInfo PromotionDiscount PromotionDiscountTax PromotionIds QuantityOrdered QuantityShipped
    ScheduledDeliveryEndDate ScheduledDeliveryStartDate SellerSKU SerialNumberRequired
    SerialNumbers ShippingConstraints ShippingDiscount ShippingDiscountTax ShippingPrice
    ShippingTax StoreChainStoreId SubstitutionPreferences TaxCollection Title
    """.split()  # noqa: SIM905 - as a list it is a name a line
)
"""The names in an order item of Orders API v0."""

ORDER_2026: Final = frozenset(
    """
    associatedOrders buyer createdTime fulfillment fulfillmentOrders lastUpdatedTime orderAliases
    orderId orderItems packages payment proceeds programs recipient salesChannel tax
    """.split()  # noqa: SIM905 - as a list it is a name a line
)
"""The names in an order of Orders API 2026-01-01."""


def by_letters(*names: AbstractSet[str]) -> Mapping[str, str]:
    """Return names by their letters alone, which all spellings have in common."""
    return {_letters_only(name): name for several in names for name in several}


def find_misspelled(
    body: Object, expected: AbstractSet[str], amazons: Mapping[str, str]
) -> list[str]:
    """Return Amazon's names that a body has only in a spelling that its form does not know.

    Args:
        body: An object of the payload.
        expected: The names that are read, or ignored on purpose.
        amazons: Amazon's names by their letters.
    """
    if body.keys() <= expected:
        return []
    return [
        name
        for unexpected in body
        if unexpected not in expected
        and (name := amazons.get(_letters_only(unexpected))) is not None
        and not (name in expected and name in body)
    ]


def spelling_expected(names: Iterable[str]) -> str:
    """Return the message that names were expected in Amazon's own spelling."""
    return f"expected Amazon's own spelling of {join_problems(names, ', ')}"


def _letters_only(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()
