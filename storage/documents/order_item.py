"""The lines and charges of orders, Amazon's and Commerce's, to BSON and back."""

from collections.abc import Iterable

from models.amazon_order import OrderItem
from models.charges import Charge, ChargeKind, TaxCollection
from storage.documents.values import Document, money_from_document, money_to_document, present

_EMPTY_ITEM: Document = dict(OrderItem.model_construct(order_item_id="", quantity=0))
"""All fields with the values that they have if none is stored."""


def item_to_document(item: OrderItem) -> Document:
    """Return a line of an order as it is stored."""
    fields = vars(item) | {
        "price": money_to_document(item.price),
        "tax": money_to_document(item.tax),
    }
    if item.charges is not None:
        fields["charges"] = charges_to_document(item.charges)
    if item.tax_collection is not None:
        fields["tax_collection"] = present(**vars(item.tax_collection))
    return present(**fields)


def item_from_document(document: Document) -> OrderItem:
    """Return a stored line of an order."""
    fields = {
        **_EMPTY_ITEM,
        **document,
        "price": money_from_document(document.get("price")),
        "tax": money_from_document(document.get("tax")),
    }
    if "charges" in document:
        fields["charges"] = charges_from_document(document["charges"])
    if "tax_collection" in document:
        fields["tax_collection"] = TaxCollection.model_construct(**document["tax_collection"])
    return OrderItem.model_construct(**fields)


def charges_to_document(charges: Iterable[Charge]) -> list[Document]:
    """Return charges as they are stored."""
    return [
        present(
            kind=charge.kind,
            amount=money_to_document(charge.amount),
            tax=money_to_document(charge.tax),
        )
        for charge in charges
    ]


def charges_from_document(documents: Iterable[Document]) -> tuple[Charge, ...]:
    """Return stored charges."""
    return tuple([_charge_from_document(document) for document in documents])


def _charge_from_document(document: Document) -> Charge:
    money = {name: money_from_document(document.get(name)) for name in ("amount", "tax")}
    return Charge.model_construct(**(document | money | {"kind": ChargeKind(document["kind"])}))
