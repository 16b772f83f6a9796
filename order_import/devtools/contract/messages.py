"""The messages of the contract, each with its payload, headers and examples."""

from dataclasses import dataclass
from typing import Any

from models.events import EVENT_TYPES, EventBody
from models.messages import DeadLetterCode
from order_import.devtools.contract.examples import (
    Example,
    dead_letter_example,
    event_example,
    read_examples,
)
from order_import.devtools.contract.schemas import COMMANDS, FACTS, Schema
from streams.messages import CE_SOURCE

_MODELS = "https://github.com/amzn/selling-partner-api-models/blob/main"
_V0 = f"{_MODELS}/models/orders-api-model/ordersV0.json"
_V2026 = f"{_MODELS}/models/orders-api-model/orders_2026-01-01.json"
_NOTIFICATIONS = f"{_MODELS}/schemas/notifications"

_TEXT: Schema = {"type": "string"}
_OPEN_HEADERS: Schema = {
    "traceparent": {**_TEXT, "description": "W3C trace context; passed on to the events it causes"}
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the contract. `schema` is a name in `components.schemas`, or a schema."""

    name: str
    summary: str
    key: str
    schema: str | Schema
    headers: Schema
    examples: tuple[Example, ...]
    content_type: str = "application/json"
    documented_at: str | None = None


def messages() -> dict[str, Message]:
    """Return all messages by name."""
    all_messages = [
        *_order_messages(),
        *_fact_messages(),
        *_internal_messages(),
        *(_event_message(event) for event in EVENT_TYPES),
        _dead_letter_message(),
    ]
    return {message.name: message for message in all_messages}


def _order_messages() -> list[Message]:
    kinds: list[tuple[str, str, str | Schema, str | None]] = [
        (
            "OrderDocument",
            (
                "The project's own order document, with at least one of store_id, status and "
                "items. Money is a decimal string."
            ),
            "OrderDocument",
            None,
        ),
        (
            "OrdersApiV0Order",
            (
                "Orders API v0 as Amazon sends it: getOrder in its `payload` or bare, with "
                "`OrderItems` beside the order's own fields or absent, or a getOrders page."
            ),
            _any_of("payload", "AmazonOrderId", "Orders"),
            _V0,
        ),
        (
            "OrdersApiV0Details",
            (
                "A getOrderItems, getOrderAddress or getOrderBuyerInfo body of Orders API v0. It "
                "completes the order whose `AmazonOrderId` it names, whichever arrives first."
            ),
            _any_of("payload", "AmazonOrderId"),
            _V0,
        ),
        (
            "OrdersApi2026Order",
            "Orders API 2026-01-01: getOrder in its `order`, a bare order, or a searchOrders page.",
            _any_of("order", "orderId", "orders"),
            _V2026,
        ),
        (
            "OrderChangeNotification",
            (
                "The ORDER_CHANGE notification, also if it is encoded twice, as a JSON string. It "
                "announces and updates orders; alone it never creates a Commerce order."
            ),
            _notification("ORDER_CHANGE"),
            f"{_NOTIFICATIONS}/OrderChangeNotification.json",
        ),
        (
            "OrderStatusChangeNotification",
            "The retired ORDER_STATUS_CHANGE notification, accepted the same way.",
            _notification("ORDER_STATUS_CHANGE"),
            "https://developer-docs.amazon.com/sp-api/docs/notification-type-values",
        ),
        (
            "NotificationEnvelope",
            (
                "An AWS envelope that contains a notification: an EventBridge event (`detail`), an "
                "SNS message (`Message`), an SQS record (`body` or `Body`), or a Lambda event of "
                "such `Records`, each of which is read by itself. Envelopes may be nested."
            ),
            _any_of("detail", "Message", "body", "Body", "Records"),
            "https://developer-docs.amazon.com/sp-api/docs/notifications-api",
        ),
    ]
    headers = _headers(
        {
            **_OPEN_HEADERS,
            "store-id": {
                **_TEXT,
                "description": "The store of the orders; it takes precedence over the body",
            },
        }
    )
    key = "The Amazon order id, which keeps updates of one order in order; any key is accepted"
    return [
        _read(name, summary, key, schema, headers, documented_at=link)
        for name, summary, schema, link in kinds
    ]


def _fact_messages() -> list[Message]:
    keys = {
        "Store": "The store id",
        "Product": "The catalog SKU",
        "StockItem": "stock_id/SKU",
        "Listing": "store/seller SKU",
        "OrderUpdate": "The Commerce order id",
    }
    headers = _headers(_OPEN_HEADERS)
    null: Schema = {"type": "null"}
    return [
        *(
            _read(fact.__name__, _summary(fact), keys[fact.__name__], fact.__name__, headers)
            for fact in FACTS
        ),
        _read(
            "ProductDeleted", "A null value deletes the product.", "The catalog SKU", null, headers
        ),
        _read(
            "StockItemDeleted",
            "A null value forgets the quantity: the stock has no units of the product.",
            "stock_id/SKU",
            null,
            headers,
        ),
        _read(
            "ListingRemoved",
            "A null value removes the match.",
            "store/seller SKU",
            null,
            headers,
        ),
    ]


def _internal_messages() -> list[Message]:
    return [
        *(
            _read(
                command.__name__,
                _summary(command),
                "store id, fact or replay id",
                command.__name__,
                _headers({"content-type": {"const": "application/json"}}),
            )
            for command in COMMANDS
        ),
    ]


def _event_message(event: type[EventBody]) -> Message:
    name = event.__name__
    required: Schema = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {
            **_TEXT,
            "description": "The event_id; duplicates of an event have the same",
        },
        "ce_type": {"const": name},
        "ce_source": {"const": CE_SOURCE.decode()},
        "ce_subject": {**_TEXT, "description": "store/order"},
        "ce_time": {**_TEXT, "format": "date-time"},
        "content-type": {"const": "application/json"},
    }
    trace = {**_TEXT, "description": "W3C trace context, if the cause had one"}
    return Message(
        name=name,
        summary=_summary(event),
        key="store/order",
        schema=name,
        headers=_headers({**required, "traceparent": trace}, required=list(required)),
        examples=(event_example(event),),
    )


def _dead_letter_message() -> Message:
    prefix = "__connect.errors."
    required: Schema = {
        f"{prefix}topic": {**_TEXT, "description": "Where the message came from"},
        f"{prefix}partition": {**_TEXT, "pattern": "^[0-9]+$"},
        f"{prefix}offset": {**_TEXT, "pattern": "^[0-9]+$"},
        f"{prefix}exception.class.name": {"const": "Refusal"},
        f"{prefix}exception.message": {
            **_TEXT,
            "description": "The field and the expected value, never the input",
        },
        "error-code": {"enum": [code.value for code in DeadLetterCode]},
    }
    redriven: Schema = {
        "redrive-count": {**_TEXT, "description": "How often it was redriven before"},
        "redriven-from": {**_TEXT, "description": "topic:partition:offset it was redriven from"},
        "last-offset": {
            **_TEXT,
            "pattern": "^[0-9]+$",
            "description": "The offset of the last message, if it represents several",
        },
    }
    return Message(
        name="DeadLetter",
        summary="A message that was refused: its original key, value and headers, and the reason.",
        key="As received",
        schema={"description": "The original bytes, unchanged; any bytes, or none"},
        headers=_headers({**required, **redriven}, required=list(required)),
        examples=(dead_letter_example(),),
        content_type="application/octet-stream",
    )


def _read(
    name: str,
    summary: str,
    key: str,
    schema: str | Schema,
    headers: Schema,
    *,
    documented_at: str | None = None,
) -> Message:
    examples = tuple(read_examples().get(name, ()))
    return Message(name, summary, key, schema, headers, examples, documented_at=documented_at)


def _summary(model: type[Any]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _headers(properties: Schema, required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _any_of(*names: str) -> Schema:
    return {"type": "object", "anyOf": [{"required": [name]} for name in names]}


def _notification(kind: str) -> Schema:
    return {
        "type": "object",
        "required": ["NotificationType", "Payload"],
        "properties": {"NotificationType": {"const": kind}, "Payload": {"type": "object"}},
    }
