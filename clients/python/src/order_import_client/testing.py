"""Events for your tests: whole and plain by default, with what a test is about given by name."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

from order_import_client.events import (
    CommerceOrderBody,
    Event,
    OrderEvent,
    OrderImportBlocked,
    read_event,
)

E = TypeVar("E", bound=OrderEvent)

_NOW = datetime(2026, 11, 23, 9, 20, tzinfo=UTC)
_MONEY = {"amount": "38.00", "currency": "USD"}
_LINE = {
    "order_item_id": "1",
    "seller_sku": "MUG-BLUE-US",
    "sku": "MUG-BLUE",
    "components": [],
    "asin": "B000000001",
    "title": "Blue mug",
    "quantity": 2,
    "price": _MONEY,
    "tax": None,
    "buyer_requested_cancel": False,
}
_BLOCKER = {
    "code": "out-of-stock",
    "seller_sku": "MUG-BLUE-US",
    "sku": "MUG-BLUE",
    "asin": "B000000001",
    "order_item_ids": ["1"],
    "required": 2,
    "available": 1,
    "remedy": "Update the product's quantity and source options.",
    "stock_id": "default",
}
_WHOLE = {
    "order_number": "000000001",
    "status": "processing",
    "currency": "USD",
    "total": "38.00",
    "fulfillment_channel": "MFN",
    "stock_id": "default",
    "purchase_date": _NOW,
    "lines": [_LINE],
    "buyer_requested_cancel": False,
    "address_known": True,
}
_OTHERS = {
    "reason": "canceled",
    "from": "processing",
    "to": "shipped",
    "requested_by": "buyer",
    "order_item_ids": ["1"],
    "blocked_since": _NOW,
}


@dataclass(frozen=True, slots=True)
class Record:
    """A message as a Kafka client reads it."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    partition: int = 0
    offset: int = 0

    def read(self) -> Event:
        """Return its event, as `consume` would hand it over."""
        return read_event(
            self.value,
            self.headers,
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
        )


def make_record(kind: type[OrderEvent], **fields: Any) -> Record:
    """Return an event as it is on Kafka.

    Args:
        kind: Its type.
        fields: Fields that differ from the plain ones; unknown ones are sent as they are.
    """
    key = {"store_id": "harbor-us", "amazon_order_id": "111-0000001-0000001"}
    key |= {name: fields[name] for name in key if name in fields}
    subject = "/".join(key.values())
    name = fields.get("event_type", kind.__name__)
    sequence = fields.get("sequence", 1)
    plain = {
        "event_id": str(uuid5(NAMESPACE_URL, f"{name}:{subject}:{sequence}")),
        "event_type": name,
        "schema_version": 1,
        "occurred_at": _NOW,
        **key,
        "sequence": sequence,
        "cause": {"topic": "amazon.orders", "partition": 0, "offset": 7},
    }
    names = {field.alias or own for own, field in kind.model_fields.items()}
    plain |= {own: value for own, value in _OTHERS.items() if own in names}
    if "commerce_order_id" in names:
        plain["commerce_order_id"] = str(uuid5(NAMESPACE_URL, subject))
    if issubclass(kind, CommerceOrderBody):
        plain |= _WHOLE
    if issubclass(kind, OrderImportBlocked):
        plain |= {"blockers": [_BLOCKER], "total": _MONEY, "purchase_date": _NOW}
    body = plain | fields
    headers = {
        "ce_specversion": "1.0",
        "ce_id": body["event_id"],
        "ce_type": name,
        "ce_source": "/order-import/default",
        "ce_dataschema": f"urn:order-import:schema:{name}:1",
        "ce_subject": subject,
        "ce_time": _NOW.isoformat(timespec="milliseconds"),
        "content-type": "application/json",
    }
    return Record(
        kind.topic,
        subject.encode(),
        json.dumps(body, default=_encode).encode(),
        tuple((header, str(value).encode()) for header, value in headers.items()),
    )


def _encode(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def make_event(kind: type[E], **fields: Any) -> E:
    """Return an event, read from a message as your handler would get it.

    Raises:
        AssertionError: The fields do not fit the type.
    """
    event = make_record(kind, **fields).read()
    if not isinstance(event, kind):
        raise AssertionError(getattr(event, "problem", None) or f"not a {kind.__name__}")  # noqa: TRY004
    return event
