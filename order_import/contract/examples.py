"""Examples: made by the code that writes messages, and read in tests by the code that reads."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from models import keys
from models.commands import Recheck, ReplayStep, Sync
from models.dead_letters import DeadLetter
from models.events import Event, EventBody
from models.messages import DeadLetterCode, MessageRef
from order_import.contract import sample_values as sample
from order_import.contract.sample_values import Example
from streams.messages import encode

_AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_FOR_STORE = {"store-id": sample.STORE}
_CAUSE: Example = {"topic": "amazon.orders", "partition": 2, "offset": 41}


def read_examples() -> Mapping[str, Sequence[Example]]:
    """Give messages that are read, by the name of the message."""
    return {
        "OrderDocument": [_example(sample.DOCUMENT, key=sample.ORDER)],
        "OrdersApiV0Order": [_example(sample.V0_ORDER, key=sample.ORDER, headers=_FOR_STORE)],
        "OrdersApiV0Details": [_example(sample.V0_ITEMS, key=sample.ORDER, headers=_FOR_STORE)],
        "OrdersApi2026Order": [_example(sample.ORDER_2026, key=sample.ORDER, headers=_FOR_STORE)],
        "OrderChangeNotification": [_example(sample.CHANGE, key=sample.ORDER, headers=_FOR_STORE)],
        "OrderStatusChangeNotification": [
            _example(sample.STATUS, key=sample.ORDER, headers=_FOR_STORE)
        ],
        "NotificationEnvelope": [_example(sample.ENVELOPE, key=sample.ORDER, headers=_FOR_STORE)],
        "Store": [_example(sample.STORE_TOLD, key=sample.STORE)],
        "Product": [_example(sample.PRODUCT, key="MUG-BLUE")],
        "ProductDeleted": [_example(None, key="MUG-BLUE")],
        "Listing": [_example(sample.LISTING, key=f"{sample.STORE}/MUG-BLUE-US")],
        "ListingRemoved": [_example(None, key=f"{sample.STORE}/MUG-BLUE-US")],
        "OrderUpdate": [_example(sample.UPDATE, key=sample.COMMERCE_ORDER)],
        "Recheck": [
            _command(Recheck(fact=keys.depends_on_product("MUG-BLUE")), "product:MUG-BLUE")
        ],
        "Sync": [_command(Sync(store_id=sample.STORE, requested_at=_AT), sample.STORE)],
        "ReplayStep": [_command(ReplayStep(replay_id="2026-11-23-1", step=0), "2026-11-23-1")],
    }


def event_example(event: type[EventBody]) -> Example:
    """Give an event as it is published."""
    name = event.__name__
    event_id = keys.event_id(sample.KEY, name, 2)
    body = event.model_validate(
        {
            "event_id": event_id,
            "occurred_at": _AT,
            "store_id": sample.STORE,
            "amazon_order_id": sample.ORDER,
            "sequence": 2,
            "cause": _CAUSE,
            **sample.BODIES[name],
        }
    )
    cause = MessageRef(**_CAUSE, traceparent=_TRACE)
    data = body.model_dump_json(by_alias=True).encode()
    message = encode(Event(event_id, name, event.topic, sample.KEY, 2, _AT, cause, data))
    headers = {name: (value or b"").decode() for name, value in message.headers}
    return _example(json.loads(data), key=sample.KEY, headers=headers)


def dead_letter_example() -> Example:
    """Give a dead letter; the value is what came, and no JSON."""
    dead_letter = DeadLetter(
        topic="amazon.orders",
        partition=1,
        offset=42,
        code=DeadLetterCode.MALFORMED_JSON,
        message="expected JSON: EOF while parsing an object at line 1 column 1",
        key=sample.ORDER.encode(),
        value=b"{",
        headers=(("store-id", sample.STORE.encode()),),
        at=_AT,
    )
    headers = {name: (value or b"").decode() for name, value in encode(dead_letter).headers}
    return _example("{", key=sample.ORDER, headers=headers)


def _example(payload: Any, *, key: str, headers: Mapping[str, str] | None = None) -> Example:
    return {
        **({"headers": dict(headers)} if headers else {}),
        "payload": payload,
        "x-key": key,
    }


def _command(command: Recheck | Sync | ReplayStep, key: str) -> Example:
    return _example(
        command.model_dump(mode="json"), key=key, headers={"content-type": "application/json"}
    )
