"""Amazon's names in another spelling, as generated clients and converters write them.

Amazon's bodies are read in Amazon's own spelling alone. A body in another one must not be taken
for less than it says: it is refused, with the names that gave it away.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from handlers.payloads.problems import joined
from handlers.payloads.wire import Object

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
    return {_dead_letters(name): name for several in names for name in several}


def respelled(body: Object, known: AbstractSet[str], amazons: Mapping[str, str]) -> list[str]:
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
        and (name := amazons.get(_dead_letters(unknown))) is not None
        and not (name in known and name in body)
    ]


def spelling_expected(names: Iterable[str]) -> str:
    """Say which names were expected in Amazon's own spelling."""
    return f"expected Amazon's own spelling of {joined(names, ', ')}"


def _dead_letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()
