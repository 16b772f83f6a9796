"""The project's own order document (docs: "Accepted on amazon.orders", form 1)."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, FailFast, Field

from handlers.payloads.fields import (
    BLANK,
    LISTED,
    OPTIONAL,
    PRICED,
    Amount,
    Flag,
    Programs,
    SoldOn,
    is_blank,
)
from handlers.payloads.wire import (
    ORDER_2026,
    V0_ITEM,
    V0_ORDER,
    Object,
    WireItem,
    WireOrder,
    becomes,
    by_letters,
    find_misspelled,
    finish_order,
    spelling_expected,
)
from models.amazon_order import (
    Address,
    AmazonOrder,
    Buyer,
    ChargesTold,
    Clocks,
    Gift,
    OrderItem,
)
from models.charges import MAX_CHARGES, Charge, ChargeKind, TaxCollection, negative, sum_charges
from models.money import Money

MARKS = frozenset({"amazon_order_id", "purchase_date", "fulfillment_channel"})
"""A message with any of these names is meant to be an order document."""

_NOT_IN_DOCUMENT: Object = {
    "items_expected": None,
    "packages": (),
    "is_notification": False,
    "charges_told": ChargesTold.ALL,
    "clocks": Clocks(),
}
"""Fields of an `AmazonOrder` that are unknown in a document, and ignored as such."""


class DocumentMoney(Money):
    """An amount as a decimal string, with its currency."""

    amount: Amount


DocumentPrice = Annotated[Annotated[DocumentMoney, becomes(Money)] | None, PRICED]


class DocumentCharge(Charge):
    """A charge. A discount may be written with or without its sign."""

    amount: Annotated[DocumentMoney, becomes(Money)]
    tax: DocumentPrice = None


def _sum_charges(charges: tuple[Charge, ...] | None) -> tuple[Charge, ...] | None:
    return None if charges is None else sum_charges(map(_signed, charges))


def _signed(charge: Charge) -> Charge:
    if charge.kind is not ChargeKind.DISCOUNT:
        return charge
    tax = None if charge.tax is None else negative(charge.tax)
    return charge.model_copy(update={"amount": negative(charge.amount), "tax": tax})


_Charges = tuple[Annotated[DocumentCharge, becomes(Charge)], ...]
_SUMMED = AfterValidator(_sum_charges)


class DocumentItem(WireItem):
    """A line of the document."""

    price: DocumentPrice = None
    tax: DocumentPrice = None
    charges: Annotated[_Charges | None, Field(max_length=MAX_CHARGES), BLANK, _SUMMED] = None
    tax_collection: Annotated[TaxCollection | None, BLANK, OPTIONAL] = None


class DocumentAddress(Address):
    """Where to ship."""

    lines: Annotated[tuple[str, ...], FailFast(), LISTED] = ()


class DocumentOrder(WireOrder):
    """The document. Only the order's id is required; a missing or null field is unknown."""

    sales_channel: SoldOn = None
    total: DocumentPrice = None
    charges: Annotated[_Charges, Field(max_length=MAX_CHARGES), LISTED, _SUMMED] = ()
    programs: Programs = ()
    buyer: Annotated[Buyer | None, BLANK, OPTIONAL] = None
    ship_to: Annotated[Annotated[DocumentAddress, becomes(Address)] | None, BLANK, OPTIONAL] = None
    gifts: Annotated[tuple[Gift, ...], FailFast(), LISTED] = ()
    items: Annotated[
        tuple[Annotated[DocumentItem, becomes(OrderItem)], ...], FailFast(), LISTED
    ] = ()
    buyer_requested_cancel: Flag = None


SAYS: Final = ("store_id", "status", "items")
"""A document has at least one of these; without them, it says nothing about its order."""


class _Level(NamedTuple):
    """The field names of one kind of object in the document, and Amazon's names for them."""

    fields: AbstractSet[str]
    amazons: Mapping[str, str]


AMAZONS: Final = frozenset(name for name in V0_ORDER | ORDER_2026 if not name.islower())
"""Amazon's names for the parts of an order, except for single words that anyone may use."""

_ORDER = _Level(DocumentOrder.model_fields.keys(), by_letters(AMAZONS))
_ITEM = _Level(DocumentItem.model_fields.keys(), by_letters(V0_ITEM))
_BUYER = _Level(Buyer.model_fields.keys(), by_letters({"BuyerName", "BuyerEmail"}))
_ADDRESS = _Level(
    Address.model_fields.keys(),
    by_letters({"AddressLine1", "AddressLine2", "AddressLine3", "StateOrRegion", "CountryCode"}),
)


def why_no_document(body: Object) -> str | None:
    """Return why a body is not an order document, though it has a name of one; None if it is one.

    An Amazon order in snake case shares many names with the document, but not all: read as a
    document, it would lose its status, its total and its lines.
    """
    if names := list(_names_of_amazons(body)):
        return spelling_expected(names)
    if "amazon_order_id" in body and all(is_blank(body.get(name)) for name in SAYS):
        return f"expected at least one of {', '.join(SAYS)}"
    return None


def _names_of_amazons(body: Object) -> Iterator[str]:
    items = body.get("items")
    parts = [(_ORDER, body), (_BUYER, body.get("buyer")), (_ADDRESS, body.get("ship_to"))]
    parts += [(_ITEM, item) for item in (items if isinstance(items, list) else ())]
    for level, part in parts:
        if isinstance(part, dict):
            yield from find_misspelled(part, level.fields, level.amazons)


def read_document(body: Object) -> AmazonOrder:
    """Read an order document; its items are complete if it has a list of them.

    Raises:
        ValidationError: A field does not match the contract.
    """
    complete = {"items_complete": not is_blank(body.get("items"))}
    return finish_order(DocumentOrder.model_validate(body | _NOT_IN_DOCUMENT | complete))
