"""The `notifications` document: the ledger of notifications to BSON and back."""

from datetime import date

from models.notifications import (
    BlockingCause,
    Notification,
    NotificationKind,
    NotificationLedger,
    Notified,
    Urgency,
)
from models.reasons import BlockerCode
from storage.documents.values import Document, money_from_document, money_to_document, present


def ledger_from_document(document: Document) -> NotificationLedger:
    """Return the stored ledger."""
    day = document.get("digest_on")
    return NotificationLedger(
        version=document["version"],
        notified=tuple(map(_notified_from_document, document["notified"])),
        outbox=tuple(map(_notification_from_document, document["outbox"])),
        digest_on=None if day is None else date.fromisoformat(day),
    )


def ledger_to_document(ledger: NotificationLedger) -> Document:
    """Return the fields of a ledger without its outbox."""
    return {
        "version": ledger.version,
        "notified": [
            {
                **_key_to_document(*notified.key),
                "orders": notified.orders,
                "urgency": notified.urgency.value,
                "at": notified.at,
            }
            for notified in ledger.notified
        ],
        **present(digest_on=ledger.digest_on and ledger.digest_on.isoformat()),
    }


def notification_to_document(notification: Notification) -> Document:
    """Return a notification as the outbox has it."""
    return {
        "notification_id": notification.notification_id,
        "channel": notification.channel,
        "kind": notification.kind.value,
        "at": notification.at,
        "causes": [_cause_to_document(cause) for cause in notification.causes],
        "more": notification.more,
    }


def _notification_from_document(document: Document) -> Notification:
    kind = NotificationKind(document["kind"])
    causes = tuple(map(_cause_from_document, document["causes"]))
    return Notification(**{**document, "kind": kind, "causes": causes})


def _cause_to_document(cause: BlockingCause) -> Document:
    return {
        **_key_to_document(*cause.key),
        "orders": cause.orders,
        "value": [money_to_document(money) for money in cause.value],
        **present(earliest_ship_by=cause.earliest_ship_by, similar_sku=cause.similar_sku),
    }


def _cause_from_document(document: Document) -> BlockingCause:
    money = (money_from_document(value) for value in document["value"])
    fields: Document = {"sku": None, "asin": None} | document
    fields["code"] = BlockerCode(document["code"])
    fields["value"] = tuple(value for value in money if value is not None)
    return BlockingCause(**fields)


def _notified_from_document(document: Document) -> Notified:
    get = document.get
    key = BlockerCode(document["code"]), get("sku"), get("asin"), get("stock_id")
    return Notified(key, document["orders"], Urgency(document["urgency"]), document["at"])


def _key_to_document(
    code: BlockerCode, sku: str | None, asin: str | None, stock_id: str | None
) -> Document:
    return {"code": code.value, **present(sku=sku, asin=asin, stock_id=stock_id)}
