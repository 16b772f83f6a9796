"""`commerce_orders` documents: from a Commerce order to BSON and back."""

from models.amazon_order import FulfillmentChannel
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.reference_data import CommerceStatus
from storage.documents.order_record import (
    charges_from_document,
    charges_to_document,
    item_from_document,
    item_to_document,
)
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
    )
    return document | {
        "status": order.status,
        "lines": [{"sku": line.sku} | item_to_document(line.item) for line in order.lines],
        "reservations": [
            {"sku": reservation.sku, "quantity": reservation.quantity}
            for reservation in order.reservations
        ],
        "buyer_requested_cancel": order.buyer_requested_cancel,
        "address_known": order.address_known,
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
            CommerceLine(item_from_document(line), line["sku"]) for line in document["lines"]
        ),
        reservations=tuple(
            Reservation(reservation["sku"], reservation["quantity"])
            for reservation in document["reservations"]
        ),
        buyer_requested_cancel=document["buyer_requested_cancel"],
        replayed=document["replayed"],
        created_at=document["created_at"],
        address_known=document.get("address_known", False),
        charges=charges_from_document(document.get("charges", ())),
        programs=tuple(document.get("programs", ())),
        purchase_order_number=document.get("purchase_order_number"),
        latest_ship_date=document.get("latest_ship_date"),
        shipping_service=document.get("shipping_service"),
        acknowledged_at=document["acknowledged_at"],
        updated_at=document["updated_at"],
        grown_at=document.get("grown_at"),
    )
