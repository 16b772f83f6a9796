"""Lists of orders: the query for a filter, and a line of the list from its document."""

from collections.abc import Collection, Mapping

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.blockers import BlockerCode
from models.facts import CommerceStatus
from models.outcomes import ImportState, MissingDetail, SkipReason, WaitingReason
from storage.reader import OrderFilter, OrderLine
from storage.values import Document, money_out

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
"""What is read of an order for its line."""


def query_of(wanted: OrderFilter) -> Document:
    """Give the query for a filter.

    The state is always asked for: the indexes begin with it, and are merged in their order.
    """
    states = [wanted.state] if wanted.state is not None else _states_of(wanted.reason)
    query: Document = {"import.state": {"$in": [state.value for state in states]}}
    if wanted.overdue_since is not None:
        query |= {"import.details_pending_since": {"$lte": wanted.overdue_since}}
    if wanted.store_id is not None:
        query["store_id"] = wanted.store_id
    if wanted.since is not None:
        query["purchase_date"] = {"$gte": wanted.since}
    if wanted.reason is not None:
        is_blocker = wanted.reason in set(BlockerCode)
        query["import.reasons.code" if is_blocker else "import.reasons"] = wanted.reason
    return query


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
        total=money_out(get("total")),
        state=ImportState(imported["state"]),
        reasons=tuple(dict.fromkeys(codes)),
        commerce_order_id=commerce_id,
        order_number=commerce.get("order_number"),
        commerce_status=None if moved is None else CommerceStatus(moved),
        missing=tuple(MissingDetail(detail) for detail in imported.get("missing", ())),
    )


def _states_of(reason: str | None) -> Collection[ImportState]:
    if reason in set(BlockerCode):
        return [ImportState.BLOCKED]
    if reason in set(WaitingReason):
        return [ImportState.WAITING]
    if reason in set(SkipReason):
        return [ImportState.SKIPPED, ImportState.WITHDRAWN]
    return list(ImportState)
