"""`amazon_orders` documents: an order's record and its history to BSON and back."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from models.amazon_order import (
    AmazonOrder,
    AmazonStatus,
    CancelRequest,
    Clocks,
    Completeness,
    FulfillmentChannel,
    LineClock,
    Package,
    SalesChannel,
)
from models.blockers import Blocker
from models.buyer_data import BuyerData, Erased, Retained, RetentionReason
from models.commerce_order import PendingReservation, Reservation
from models.messages import MessageRef
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import (
    Blocked,
    Created,
    ImportState,
    MissingDetail,
    Outcome,
    Skipped,
    Waiting,
    Withdrawn,
)
from models.reasons import BlockerCode, SkipReason, WaitingReason
from storage.documents.buyer_data import buyer_from_content
from storage.documents.order_item import (
    charges_from_document,
    charges_to_document,
    item_from_document,
    item_to_document,
)
from storage.documents.values import Document, money_from_document, money_to_document, present

_ENUMS = {
    "status": AmazonStatus,
    "fulfillment_channel": FulfillmentChannel,
    "sales_channel": SalesChannel,
}
_PLAIN = (
    *_ENUMS,
    "seller_id",
    "marketplace_id",
    "purchase_date",
    "last_update_date",
    "latest_ship_date",
    "latest_delivery_date",
    "items_expected",
    "buyer_requested_cancel",
    "shipping_service",
    "programs",
    "purchase_order_number",
)
"""Fields of an order that are stored as they are."""
_EMPTY_ORDER: Document = dict(AmazonOrder.model_construct(amazon_order_id=""))
"""All fields with the values that they have if none is stored."""


def order_to_document(record: OrderRecord, *, is_new: bool) -> Document:
    """Return all fields of a record without `history`, and without `_id` unless it is new.

    What is personal is not among them: it is stored encrypted, elsewhere.

    An update with them keeps stored fields that are absent now.
    """
    order = record.order
    document = present(**{name: getattr(order, name) for name in _PLAIN})
    document |= present(
        total=money_to_document(order.total),
        charges=charges_to_document(order.charges) or None,
        packages=[present(**vars(package)) for package in order.packages] or None,
    )
    document["items"] = [item_to_document(item) for item in order.items]
    document["items_complete"] = order.items_complete
    document["clocks"] = _clocks_to_document(order.clocks)
    document |= outcome_to_document(record)
    if is_new:
        document["_id"] = record.key
        document["store_id"] = record.store_id
        document["amazon_order_id"] = order.amazon_order_id
        document["received_at"] = record.received_at
    return document


def outcome_to_document(record: OrderRecord) -> Document:
    """Return the fields that a change of the outcome changes."""
    outcome = record.outcome
    imported: Document = {
        "state": outcome.state,
        "reasons": _reasons_to_document(outcome),
        "decided_at": record.decided_at,
    }
    if record.depends_on:
        imported["depends_on"] = record.depends_on
    match outcome:
        case Waiting(WaitingReason.DETAILS_PENDING | WaitingReason.PURCHASE_DATE_UNKNOWN, missing):
            imported["missing"] = missing
            imported["details_pending_since"] = record.decided_at
        case Created(commerce_order_id):
            imported["commerce_order_id"] = commerce_order_id
        case Blocked(_, since, tried):
            imported["since"] = since
            imported["tried"] = tried
        case _:
            pass
    if record.pending_reservation is not None:
        imported["reserves"] = _pending_to_document(record.pending_reservation)
    return {
        "import": imported,
        "sequence": record.sequence,
        "received": record.received,
        "ignored": record.ignored,
        **present(buyer_data=_buyer_data_to_document(record.buyer_data)),
    }


def order_from_document(document: Document) -> OrderRecord:
    """Return a stored record, without validation: it was validated before it was stored.

    What is personal is added by `with_buyer`.
    """
    imported = document["import"]
    return OrderRecord(
        store_id=document["store_id"],
        order=_amazon_order_from_document(document),
        outcome=_outcome_from_document(imported),
        depends_on=tuple(imported.get("depends_on", ())),
        sequence=document["sequence"],
        received=document["received"],
        ignored=document["ignored"],
        received_at=document["received_at"],
        decided_at=imported["decided_at"],
        buyer_data=_buyer_data_from_document(document.get("buyer_data")),
        pending_reservation=_pending_from_document(imported.get("reserves")),
    )


def with_buyer(record: OrderRecord, content: Document | None) -> OrderRecord:
    """Return a stored record with its decrypted buyer data; without any, it was erased."""
    if content is not None:
        return replace(record, order=record.order.model_copy(update=buyer_from_content(content)))
    if isinstance(record.buyer_data, Retained):
        return replace(record, buyer_data=Erased(record.buyer_data.expires_at))
    return record


def _buyer_data_to_document(buyer_data: BuyerData | None) -> Document | None:
    match buyer_data:
        case None:
            return None
        case Retained(expires_at, reason):
            return {"expires_at": expires_at, "reason": reason}
        case Erased(at):
            return {"erased_at": at}


def _buyer_data_from_document(document: Document | None) -> BuyerData | None:
    if document is None:
        return None
    if "erased_at" in document:
        return Erased(document["erased_at"])
    return Retained(document["expires_at"], RetentionReason(document["reason"]))


def _pending_to_document(pending: PendingReservation) -> Document:
    reservations = [{"sku": each.sku, "quantity": each.quantity} for each in pending.reservations]
    return {
        "stock_id": pending.stock_id,
        "reservations": reservations,
        "news_at": pending.news_at,
    }


def _pending_from_document(document: Document | None) -> PendingReservation | None:
    if document is None:
        return None
    reservations = tuple(Reservation(**each) for each in document["reservations"])
    return PendingReservation(document["stock_id"], reservations, document["news_at"])


def _reasons_to_document(outcome: Outcome) -> list[Any]:
    match outcome:
        case Created():
            return []
        case Waiting(reason) | Skipped(reason) | Withdrawn(reason):
            return [reason]
        case Blocked(blockers):
            return [vars(blocker) for blocker in blockers]


def _outcome_from_document(imported: Document) -> Outcome:
    reasons = imported["reasons"]
    match ImportState(imported["state"]):
        case ImportState.WAITING:
            missing = tuple(MissingDetail(detail) for detail in imported.get("missing", ()))
            return Waiting(WaitingReason(reasons[0]), missing)
        case ImportState.SKIPPED:
            return Skipped(SkipReason(reasons[0]))
        case ImportState.BLOCKED:
            return Blocked(
                tuple(blocker_from_document(reason) for reason in reasons),
                imported["since"],
                imported["tried"],
            )
        case ImportState.CREATED:
            return Created(imported["commerce_order_id"])
        case ImportState.WITHDRAWN:
            return Withdrawn(SkipReason(reasons[0]))


def blocker_from_document(document: Document) -> Blocker:
    """Return a stored blocker."""
    return Blocker.model_construct(
        **{
            "stock_id": None,
            **document,
            "code": BlockerCode(document["code"]),
            "order_item_ids": tuple(document["order_item_ids"]),
        }
    )


def _amazon_order_from_document(document: Document) -> AmazonOrder:
    fields = _EMPTY_ORDER | document
    for name, enum in _ENUMS.items():
        if fields[name] is not None:
            fields[name] = enum(fields[name])
    fields |= {
        "total": money_from_document(fields["total"]),
        "charges": charges_from_document(fields["charges"]),
        "items": tuple([item_from_document(item) for item in fields["items"]]),
        "programs": tuple(fields["programs"]),
        "packages": tuple(Package(**package) for package in fields["packages"]),
        "clocks": _clocks_from_document(fields["clocks"]),
    }
    return AmazonOrder.model_construct(**fields)


def _clocks_to_document(clocks: Clocks) -> Document:
    """Return the clocks with one entry per time: most fields of an order share a few."""
    request = clocks.cancel_request
    by_time: dict[datetime | None, list[str]] = {}
    for name, at in clocks.fields.items():
        by_time.setdefault(at, []).append(name)
    return present(
        charges_at=clocks.charges_at,
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
                **present(wrap_at=clock.wrap_at),
            }
            for name, clock in clocks.lines.items()
        ]
        or None,
    )


def _clocks_from_document(document: Document) -> Clocks:
    request = document.get("cancel_request")
    return Clocks(
        fields={
            name: group["at"] for group in document.get("fields", ()) for name in group["names"]
        },
        lines={
            line["order_item_id"]: LineClock(
                line["quantity_at"],
                line["request_at"],
                line["details_at"],
                Completeness[line["completeness"].upper()],
                line.get("wrap_at"),
            )
            for line in document.get("lines", ())
        },
        charges_at=document.get("charges_at"),
        listed_at=document.get("listed_at"),
        cancel_request=None if request is None else CancelRequest(**request),
    )


def history_entry_to_document(entry: HistoryEntry) -> Document:
    """Return the document of a history entry."""
    return present(
        at=entry.at,
        cause=cause_to_document(entry.cause),
        what=entry.what,
        reasons=entry.reasons,
        facts=entry.facts or None,
        events=entry.events,
    )


def history_entry_from_document(document: Document) -> HistoryEntry:
    """Return a stored history entry."""
    lists = {name: tuple(document.get(name, ())) for name in ("reasons", "events")}
    return HistoryEntry(**(document | {"cause": cause_from_document(document["cause"])} | lists))


def cause_to_document(cause: MessageRef) -> Document:
    """Return a message reference as it is stored."""
    return present(
        topic=cause.topic,
        partition=cause.partition,
        offset=cause.offset,
        traceparent=cause.traceparent,
        tracestate=cause.tracestate,
    )


def cause_from_document(document: Document) -> MessageRef:
    """Return a stored message reference."""
    return MessageRef(**document)
