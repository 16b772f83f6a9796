"""`commerce_orders` documents: from a Commerce order to BSON and back."""

from models.amazon_order import FulfillmentChannel
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.reference_data import CommerceStatus, Match
from storage.documents.order_record import (
    charges_from_document,
    charges_to_document,
    item_from_document,
    item_to_document,
)
from storage.documents.reference_data import components_from_document
from storage.documents.values import Document, money_from_document, money_to_document, present


def commerce_order_to_document(order: CommerceOrder) -> Document:
    """Return the whole document of a new Commerce order."""
    return present(
        _id=order.commerce_order_id,
        order_number=order.order_number,
        store_id=order.store_id,
        amazon_order_id=order.amazon_order_id,
        fulfillment_channel=order.fulfillment_channel,
        purchase_date=order.purchase_date,
        replayed=order.replayed,
        created_at=order.created_at,
        stock_id=order.stock_id,
    ) | commerce_progress_to_document(order)


def commerce_progress_to_document(order: CommerceOrder) -> Document:
    """Return the fields that change after creation."""
    document = present(
        total=money_to_document(order.total),
        charges=charges_to_document(order.charges) or None,
        programs=order.programs,
        purchase_order_number=order.purchase_order_number,
        latest_ship_date=order.latest_ship_date,
        shipping_service=order.shipping_service,
        grown_at=order.grown_at,
        shipped_at=order.shipped_at,
        completed_at=order.completed_at,
    )
    return document | {
        "status": order.status,
        "lines": [
            _match_to_document(line.match) | item_to_document(line.item) for line in order.lines
        ],
        "reservations": [
            {"sku": reservation.sku, "quantity": reservation.quantity}
            for reservation in order.reservations
        ],
        "buyer_requested_cancel": order.buyer_requested_cancel,
        "address_known": order.address_known,
        "may_be_counted": order.may_be_counted,
        "acknowledged_at": order.acknowledged_at,
        "updated_at": order.updated_at,
    }


def commerce_order_from_document(document: Document) -> CommerceOrder:
    """Return a stored Commerce order."""
    return CommerceOrder(
        commerce_order_id=document["_id"],
        order_number=document["order_number"],
        store_id=document["store_id"],
        amazon_order_id=document["amazon_order_id"],
        status=CommerceStatus(document["status"]),
        fulfillment_channel=FulfillmentChannel(document["fulfillment_channel"]),
        purchase_date=document["purchase_date"],
        total=money_from_document(document.get("total")),
        lines=tuple(
            CommerceLine(item_from_document(line), _match_from_document(line))
            for line in document["lines"]
        ),
        reservations=tuple(
            Reservation(reservation["sku"], reservation["quantity"])
            for reservation in document["reservations"]
        ),
        buyer_requested_cancel=document["buyer_requested_cancel"],
        replayed=document["replayed"],
        created_at=document["created_at"],
        stock_id=document["stock_id"],
        address_known=document.get("address_known", False),
        charges=charges_from_document(document.get("charges", ())),
        programs=tuple(document.get("programs", ())),
        purchase_order_number=document.get("purchase_order_number"),
        latest_ship_date=document.get("latest_ship_date"),
        shipping_service=document.get("shipping_service"),
        acknowledged_at=document["acknowledged_at"],
        updated_at=document["updated_at"],
        grown_at=document.get("grown_at"),
        shipped_at=document.get("shipped_at"),
        completed_at=document.get("completed_at"),
    )


def _match_to_document(match: Match) -> Document:
    if isinstance(match, str):
        return {"sku": match}
    return {"components": [dict(component) for component in match]}


def _match_from_document(line: Document) -> Match:
    return line["sku"] if "sku" in line else components_from_document(line["components"])
