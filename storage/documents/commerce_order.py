"""`commerce_orders` documents: from a Commerce order to BSON and back."""

from models.amazon_order import FulfillmentChannel
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.reference_data import CommerceStatus, Match
from storage.documents.order_item import (
    charges_from_document,
    charges_to_document,
    item_from_document,
    item_to_document,
)
from storage.documents.reference_data import components_from_document
from storage.documents.values import Document, money_from_document, money_to_document, present

_ONCE = (
    "order_number",
    "store_id",
    "amazon_order_id",
    "fulfillment_channel",
    "purchase_date",
    "replayed",
    "created_at",
    "stock_id",
)
"""Fields that are stored as they are, and never change."""
_KEPT = (
    "programs",
    "purchase_order_number",
    "latest_ship_date",
    "shipping_service",
    "grown_at",
    "shipped_at",
    "completed_at",
)
"""Fields that are stored as they are, once they have a value."""
_CHANGING = (
    "status",
    "buyer_requested_cancel",
    "address_known",
    "acknowledged_at",
    "updated_at",
)
"""Fields that are stored as they are, also without a value."""


def commerce_order_to_document(order: CommerceOrder) -> Document:
    """Return the whole document of a new Commerce order."""
    fields = present(**{name: getattr(order, name) for name in _ONCE})
    return {"_id": order.commerce_order_id} | fields | commerce_progress_to_document(order)


def commerce_progress_to_document(order: CommerceOrder) -> Document:
    """Return the fields that change after creation."""
    document = present(
        total=money_to_document(order.total),
        charges=charges_to_document(order.charges) or None,
        **{name: getattr(order, name) for name in _KEPT},
    )
    return document | {
        **{name: getattr(order, name) for name in _CHANGING},
        "may_be_counted": order.may_be_counted,
        "lines": [
            _match_to_document(line.match) | item_to_document(line.item) for line in order.lines
        ],
        "reservations": [
            {"sku": reservation.sku, "quantity": reservation.quantity}
            for reservation in order.reservations
        ],
    }


def commerce_order_from_document(document: Document) -> CommerceOrder:
    """Return a stored Commerce order."""
    stored = {"address_known": False} | document  # the first documents do not have it
    fields = {
        **{name: stored[name] for name in (*_ONCE, *_CHANGING)},
        **{name: stored[name] for name in _KEPT if name in stored},
        "commerce_order_id": document["_id"],
        "status": CommerceStatus(document["status"]),
        "fulfillment_channel": FulfillmentChannel(document["fulfillment_channel"]),
        "total": money_from_document(document.get("total")),
        "charges": charges_from_document(document.get("charges", ())),
        "programs": tuple(document.get("programs", ())),
        "lines": tuple(
            CommerceLine(item_from_document(line), _match_from_document(line))
            for line in document["lines"]
        ),
        "reservations": tuple(Reservation(**reserved) for reserved in document["reservations"]),
    }
    return CommerceOrder(**fields)


def _match_to_document(match: Match) -> Document:
    if isinstance(match, str):
        return {"sku": match}
    return {"components": [dict(component) for component in match]}


def _match_from_document(line: Document) -> Match:
    return line["sku"] if "sku" in line else components_from_document(line["components"])
