"""An order as one line of a list, or of an export: the fields it needs, and its value."""

from collections.abc import Mapping

from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel
from models.outcome import ImportState, MissingDetail
from models.reference_data import CommerceStatus
from storage.documents.order_item import charges_from_document, item_from_document
from storage.documents.values import Document, money_from_document
from storage.queries import OrderLine

FIELDS = dict.fromkeys(
    (
        "store_id",
        "amazon_order_id",
        "purchase_date",
        "status",
        "fulfillment_channel",
        "total",
        "import.state",
        "import.reasons",
        "import.missing",
        "import.commerce_order_id",
    ),
    1,
)
"""The fields of an order that its line needs."""


DETAIL_FIELDS = dict.fromkeys(
    (
        *("items.quantity", "items.price", "items.tax", "items.charges", "charges"),
        *("programs", "purchase_order_number", "shipping_service"),
    ),
    1,
)
"""The fields of an order that an export needs besides those of its row."""


def details_from_document(document: Document) -> AmazonOrder:
    """Return an order with `DETAIL_FIELDS` and its total alone."""
    return AmazonOrder.model_construct(
        amazon_order_id=document["amazon_order_id"],
        total=money_from_document(document.get("total")),
        items=tuple(item_from_document(item) for item in document.get("items", ())),
        charges=charges_from_document(document.get("charges", ())),
        programs=tuple(document.get("programs", ())),
        purchase_order_number=document.get("purchase_order_number"),
        shipping_service=document.get("shipping_service"),
    )


def line_from_document(document: Document, commerce_orders: Mapping[str, Document]) -> OrderLine:
    """Return an order's line, with its Commerce order from `commerce_orders` by id."""
    get = document.get
    imported = document["import"]
    commerce_id = imported.get("commerce_order_id")
    commerce = commerce_orders.get(commerce_id or "", {})
    codes = [
        reason if isinstance(reason, str) else reason["code"] for reason in imported["reasons"]
    ]
    status, channel = get("status"), get("fulfillment_channel")
    commerce_status = commerce.get("status")
    return OrderLine(
        store_id=document["store_id"],
        amazon_order_id=document["amazon_order_id"],
        purchase_date=get("purchase_date"),
        status=None if status is None else AmazonStatus(status),
        channel=None if channel is None else FulfillmentChannel(channel),
        total=money_from_document(get("total")),
        state=ImportState(imported["state"]),
        reasons=tuple(dict.fromkeys(codes)),
        commerce_order_id=commerce_id,
        order_number=commerce.get("order_number"),
        commerce_status=None if commerce_status is None else CommerceStatus(commerce_status),
        missing=tuple(MissingDetail(detail) for detail in imported.get("missing", ())),
    )
