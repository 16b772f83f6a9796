"""A line of a list of orders, from its document."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.outcome import ImportState, MissingDetail
from models.reference_data import CommerceStatus
from storage.reader import OrderLine
from storage.values import Document, money_from_document

FIELDS = dict.fromkeys(
    (
        *("store_id", "amazon_order_id", "purchase_date", "status", "fulfillment_channel", "total"),
        *("import.state", "import.reasons", "import.missing", "import.commerce_order_id"),
    ),
    1,
)
"""What is read of an order for its line."""


async def commerce_of(database: Any, found: Sequence[Document]) -> Mapping[str, Document]:
    """Fetch what the lines of these orders tell of their Commerce orders, by their ids."""
    ids = [one for document in found if (one := document["import"].get("commerce_order_id"))]
    fields = {"order_number": 1, "status": 1}
    asked = database.commerce_orders.find({"_id": {"$in": ids}}, fields) if ids else None
    return {} if asked is None else {one["_id"]: one for one in await asked.to_list(None)}


def line_out(document: Document, commerce_orders: Mapping[str, Document]) -> OrderLine:
    """Give an order's line; its Commerce order is found by its id."""
    get = document.get
    imported = document["import"]
    commerce_id = imported.get("commerce_order_id")
    commerce = commerce_orders.get(commerce_id or "", {})
    codes = [
        reason if isinstance(reason, str) else reason["code"] for reason in imported["reasons"]
    ]
    status, channel, moved = get("status"), get("fulfillment_channel"), commerce.get("status")
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
        commerce_status=None if moved is None else CommerceStatus(moved),
        missing=tuple(MissingDetail(detail) for detail in imported.get("missing", ())),
    )
