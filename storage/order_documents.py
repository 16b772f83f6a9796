"""`amazon_orders` documents: from an order's record to BSON and back."""

from datetime import datetime
from typing import Any

from models.amazon_order import (
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    CancelRequest,
    Clocks,
    Completeness,
    FulfillmentChannel,
    LineClock,
    OrderItem,
    Package,
    SalesChannel,
)
from models.blockers import Blocker, BlockerCode
from models.outcomes import (
    Admitted,
    Blocked,
    Created,
    ImportState,
    MissingDetail,
    Outcome,
    Skipped,
    SkipReason,
    Waiting,
    WaitingReason,
    Withdrawn,
)
from models.records import OrderRecord
from storage.values import Document, money_in, money_out, present


def order_in(record: OrderRecord, *, is_new: bool) -> Document:
    """Give all fields of a record but `_id` and `story`. Absent fields of an older state stay."""
    order = record.order
    document = present(
        status=None if order.status is None else order.status.value,
        fulfillment_channel=(
            None if order.fulfillment_channel is None else order.fulfillment_channel.value
        ),
        sales_channel=None if order.sales_channel is None else order.sales_channel.value,
        seller_id=order.seller_id,
        marketplace_id=order.marketplace_id,
        purchase_date=order.purchase_date,
        last_update_date=order.last_update_date,
        latest_ship_date=order.latest_ship_date,
        total=money_in(order.total),
        buyer=None if order.buyer is None else present(**dict(order.buyer)),
        ship_to=None if order.ship_to is None else present(**dict(order.ship_to)),
        items_expected=order.items_expected,
        buyer_requested_cancel=order.buyer_requested_cancel,
        shipping_service=order.shipping_service,
        programs=order.programs,
        packages=[present(**dict(package)) for package in order.packages] or None,
    )
    document["items"] = [item_in(item) for item in order.items]
    document["items_complete"] = order.items_complete
    document["clocks"] = _clocks_in(order.clocks)
    document |= outcome_in(record)
    if is_new:
        document["store_id"] = record.store_id
        document["amazon_order_id"] = order.amazon_order_id
        document["received_at"] = record.received_at
    return document


def outcome_in(record: OrderRecord) -> Document:
    """Give the fields that a judgement changes."""
    outcome = record.outcome
    imported: Document = {
        "state": state_of(outcome).value,
        "reasons": _reasons_in(outcome),
        "admitted": record.admitted,
        "decided_at": record.decided_at,
    }
    if record.waits_on:
        imported["waits_on"] = record.waits_on
    match outcome:
        case Waiting(WaitingReason.DETAILS_PENDING | WaitingReason.PURCHASE_DATE_UNKNOWN, missing):
            imported["missing"] = [detail.value for detail in missing]
            imported["details_pending_since"] = record.decided_at
        case Created(commerce_order_id):
            imported["commerce_order_id"] = commerce_order_id
        case Blocked(_, since, tried):
            imported["since"] = since
            imported["tried"] = tried
        case _:
            pass
    return {
        "import": imported,
        "sequence": record.sequence,
        "received": record.received,
        "ignored": record.ignored,
    }


def version_in(record: OrderRecord) -> Document:
    """Give the fields that tell an admitted order from what anyone made of it since.

    News raises `received`, what is told of it `sequence`, and a judgement ends `admitted`.
    """
    return {
        "received": record.received,
        "sequence": record.sequence,
        "import.admitted": record.admitted,
    }


def order_out(document: Document) -> OrderRecord:
    """Give the record a document holds. It was checked when it was stored."""
    imported = document["import"]
    return OrderRecord(
        store_id=document["store_id"],
        order=_amazon_order_out(document),
        outcome=_outcome_out(imported),
        admitted=imported["admitted"],
        waits_on=tuple(imported.get("waits_on", ())),
        sequence=document["sequence"],
        received=document["received"],
        ignored=document["ignored"],
        received_at=document["received_at"],
        decided_at=imported["decided_at"],
    )


def state_of(outcome: Outcome) -> ImportState:
    """Give the state an outcome is stored and shown as."""
    match outcome:
        case Admitted() | Waiting():
            return ImportState.WAITING
        case Skipped():
            return ImportState.SKIPPED
        case Blocked():
            return ImportState.BLOCKED
        case Created():
            return ImportState.CREATED
        case Withdrawn():
            return ImportState.WITHDRAWN


def _reasons_in(outcome: Outcome) -> list[Any]:
    match outcome:
        case Admitted() | Created():
            return []
        case Waiting(reason):
            return [reason.value]
        case Skipped(reason) | Withdrawn(reason):
            return [reason.value]
        case Blocked(blockers):
            return [{**dict(blocker), "code": blocker.code.value} for blocker in blockers]


def _outcome_out(imported: Document) -> Outcome:
    reasons = imported["reasons"]
    match ImportState(imported["state"]):
        case ImportState.WAITING:
            if not reasons:
                return Admitted()
            missing = tuple(MissingDetail(detail) for detail in imported.get("missing", ()))
            return Waiting(WaitingReason(reasons[0]), missing)
        case ImportState.SKIPPED:
            return Skipped(SkipReason(reasons[0]))
        case ImportState.BLOCKED:
            return Blocked(
                tuple(blocker_out(reason) for reason in reasons),
                imported["since"],
                imported["tried"],
            )
        case ImportState.CREATED:
            return Created(imported["commerce_order_id"])
        case ImportState.WITHDRAWN:
            return Withdrawn(SkipReason(reasons[0]))


def blocker_out(document: Document) -> Blocker:
    """Give a stored blocker."""
    return Blocker.model_construct(
        **{
            **document,
            "code": BlockerCode(document["code"]),
            "order_item_ids": tuple(document["order_item_ids"]),
        }
    )


def item_in(item: OrderItem) -> Document:
    """Return a line of an order as it is stored."""
    return present(
        order_item_id=item.order_item_id,
        seller_sku=item.seller_sku,
        asin=item.asin,
        title=item.title,
        quantity=item.quantity,
        quantity_shipped=item.quantity_shipped,
        price=money_in(item.price),
        tax=money_in(item.tax),
        buyer_requested_cancel=item.buyer_requested_cancel,
        cancel_reason=item.cancel_reason,
    )


def item_out(document: Document) -> OrderItem:
    """Give a stored line of an order."""
    get = document.get
    return OrderItem.model_construct(
        order_item_id=document["order_item_id"],
        seller_sku=get("seller_sku"),
        asin=get("asin"),
        title=get("title"),
        quantity=document["quantity"],
        quantity_shipped=get("quantity_shipped"),
        price=money_out(get("price")),
        tax=money_out(get("tax")),
        buyer_requested_cancel=get("buyer_requested_cancel"),
        cancel_reason=get("cancel_reason"),
    )


def _amazon_order_out(document: Document) -> AmazonOrder:
    get = document.get
    status, channel = get("status"), get("fulfillment_channel")
    sold_on = get("sales_channel")
    buyer, ship_to = get("buyer"), get("ship_to")
    return AmazonOrder.model_construct(
        amazon_order_id=document["amazon_order_id"],
        store_id=document["store_id"],
        seller_id=get("seller_id"),
        marketplace_id=get("marketplace_id"),
        status=None if status is None else AmazonStatus(status),
        fulfillment_channel=None if channel is None else FulfillmentChannel(channel),
        sales_channel=None if sold_on is None else SalesChannel(sold_on),
        purchase_date=get("purchase_date"),
        last_update_date=get("last_update_date"),
        latest_ship_date=get("latest_ship_date"),
        total=money_out(get("total")),
        buyer=None if buyer is None else Buyer(**buyer),
        ship_to=None if ship_to is None else Address(**ship_to),
        items=tuple([item_out(item) for item in document["items"]]),
        items_complete=document["items_complete"],
        items_expected=get("items_expected"),
        buyer_requested_cancel=get("buyer_requested_cancel"),
        shipping_service=get("shipping_service"),
        programs=tuple(get("programs", ())),
        packages=tuple(Package(**package) for package in get("packages", ())),
        is_notification=False,
        clocks=_clocks_out(document["clocks"]),
    )


def _clocks_in(clocks: Clocks) -> Document:
    """Return the clocks with one entry per time: most fields of an order share a few."""
    request = clocks.cancel_request
    by_time: dict[datetime | None, list[str]] = {}
    for name, at in clocks.fields.items():
        by_time.setdefault(at, []).append(name)
    return present(
        listed_at=clocks.listed_at,
        cancel_request=None if request is None else request._asdict(),
        fields=[{"at": at, "names": names} for at, names in by_time.items()] or None,
        lines=[
            {
                "order_item_id": name,
                "quantity_at": clock.quantity_at,
                "request_at": clock.request_at,
                "details_at": clock.details_at,
                "completeness": clock.completeness.name.lower(),
            }
            for name, clock in clocks.lines.items()
        ]
        or None,
    )


def _clocks_out(document: Document) -> Clocks:
    request = document.get("cancel_request")
    return Clocks(
        fields={name: one["at"] for one in document.get("fields", ()) for name in one["names"]},
        lines={
            one["order_item_id"]: LineClock(
                one["quantity_at"],
                one["request_at"],
                one["details_at"],
                Completeness[one["completeness"].upper()],
            )
            for one in document.get("lines", ())
        },
        listed_at=document.get("listed_at"),
        cancel_request=None if request is None else CancelRequest(**request),
    )
