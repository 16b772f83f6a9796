"""Wire classes: how one format writes a model.

A wire class is a subclass of a model that only says how a format writes its fields: under
which names (`named`) and in which types (`handlers.payloads.fields`). It adds no field, so what
it validated is a whole value of the model, and `becomes` makes it one without a second pass.
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

from handlers.payloads.fields import has_amount, is_blank
from handlers.payloads.result import join_problems
from models.amazon_order import AmazonOrder
from models.base import Value

Object = dict[str, Any]
"""A JSON object, not yet validated."""


def named(**names: str | AliasPath | AliasChoices) -> ConfigDict:
    """Say under which name, or at which path, a format has each field of a model.

    A field not mentioned keeps its own name, which no format of Amazon uses.
    """
    return ConfigDict(
        alias_generator=AliasGenerator(validation_alias=lambda field: names.get(field, field))
    )


def becomes(model: type[Value]) -> AfterValidator:
    """Make a validated instance of a wire class an instance of its model.

    The very object is told its class: it has the model's fields, all validated, and building
    it once more would double the cost of reading an order.
    """

    def recast(value: Value) -> Value:
        object.__setattr__(value, "__class__", model)
        return value

    return AfterValidator(recast)


def address_lines(first: str) -> BeforeValidator:
    """Gather an address's numbered lines under the name they share.

    Args:
        first: the shared name, for example `AddressLine` of `AddressLine1` to `AddressLine3`.
    """
    names = [f"{first}{number}" for number in (1, 2, 3)]

    def gathered(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return value | {first: [line for name in names if (line := value.get(name))]}

    return BeforeValidator(gathered)


def finish_order(order: AmazonOrder) -> AmazonOrder:
    """Make a wire order an `AmazonOrder`.

    What it says of a cancellation request at order level, it says of all its lines; a request for
    any line is one of the order.
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
    told = {item.buyer_requested_cancel for item in order.items} - {None}
    if not told:
        return order
    return order.model_copy(update={"buyer_requested_cancel": True in told})


def with_currency(body: Object, name: str) -> Object | None:
    """Return a copy of an order whose amounts all have a currency; None if that is no help.

    Amazon's schemas require neither field of money. A currency that is missing is the one that all
    others of the order are in; of several, or none, it would be a guess.

    Args:
        body: an order that could not be read.
        name: what the currency is called.
    """
    currencies = [money.get(name) for money in _amounts_in(body)]
    told = {currency for currency in currencies if isinstance(currency, str) and currency.strip()}
    if len(told) != 1 or not any(map(is_blank, currencies)):
        return None
    complete = deepcopy(body)
    for money in _amounts_in(complete):
        if is_blank(money.get(name)):
            money[name], *_ = told
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
"""What an order, or a detail body, of Orders API v0 is made of."""

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
"""What an order item of Orders API v0 is made of."""

ORDER_2026: Final = frozenset(
    """
    associatedOrders buyer createdTime fulfillment fulfillmentOrders lastUpdatedTime orderAliases
    orderId orderItems packages payment proceeds programs recipient salesChannel tax
    """.split()  # noqa: SIM905 - as a list it is a name a line
)
"""What an order of Orders API 2026-01-01 is made of."""


def by_letters(*names: AbstractSet[str]) -> Mapping[str, str]:
    """Return names by their letters alone, which all spellings have in common."""
    return {_letters_only(name): name for several in names for name in several}


def find_misspelled(body: Object, known: AbstractSet[str], amazons: Mapping[str, str]) -> list[str]:
    """Return the names of Amazon's that a body has in none of the spellings known to its form.

    Args:
        body: an object of the payload.
        known: the names that are read or rightly ignored there.
        amazons: Amazon's names by their letters.
    """
    if body.keys() <= known:
        return []
    return [
        name
        for unknown in body
        if unknown not in known
        and (name := amazons.get(_letters_only(unknown))) is not None
        and not (name in known and name in body)
    ]


def spelling_expected(names: Iterable[str]) -> str:
    """Say which names were expected in Amazon's own spelling."""
    return f"expected Amazon's own spelling of {join_problems(names, ', ')}"


def _letters_only(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()
