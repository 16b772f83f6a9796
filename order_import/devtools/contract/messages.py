"""The messages of the contract: their words, headers and schemas, and an example of each.

The examples are the files of `examples/`, with the key and headers that they have on Kafka.
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from models import keys
from models.checkpoint import Outgoing
from models.commands import Recheck, ReplayStep, Sync
from models.dead_letters import DeadLetter
from models.events import EVENT_TYPES, Event, EventBody, schema_urn
from models.messages import CommandMessage, DeadLetterCode, MessageRef
from order_import.cli.send import TOPICS, cut_documents, make_key
from order_import.devtools.contract.compatibility import compatibility_of
from order_import.devtools.contract.schemas import COMMANDS, FACTS, Schema
from streams.messages import encode

WORDS: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
KAFKA_BINDING = "0.5.0"

_EXAMPLES = Path(__file__).parents[3] / "examples"
_AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_STATE = "congo=t61rcWkgMzE"
_SOURCE = b"/order-import/default"
_STORE = "fjordlight-de"

_TEXT: Schema = {"type": "string"}
_OPEN_HEADERS: Schema = {
    "traceparent": {**_TEXT, "description": "W3C trace context; passed on to the events it causes"},
    "tracestate": {
        **_TEXT,
        "maxLength": 512,
        "description": "W3C's vendor part of the trace context; passed on with traceparent",
    },
}
_ORDER_HEADERS: Schema = {
    **_OPEN_HEADERS,
    "store-id": {
        **_TEXT,
        "description": "The store of the orders; it takes precedence over the body",
    },
}
_JSON: Schema = {"content-type": {"const": "application/json"}}
_ORDER_KEY = "The Amazon order id, which keeps updates of one order in order; any key is accepted"


def messages() -> dict[str, dict[str, Any]]:
    """Return each message as the AsyncAPI document describes it, by name."""
    facts, commands = ({model.__name__ for model in models} for models in (FACTS, COMMANDS))
    summaries = {model.__name__: _summary(model) for model in (*FACTS, *COMMANDS, *EVENT_TYPES)}
    described: dict[str, dict[str, Any]] = {}
    for name, words in WORDS["messages"].items():
        is_fact = name in facts or "deletes" in words
        described[name] = {
            "summary": words.get("summary") or summaries[name],
            "headers": _headers(_OPEN_HEADERS if is_fact else _ORDER_HEADERS),
            "payload": _payload(name, words),
            "key": words.get("key", _ORDER_KEY),
            **({"externalDocs": {"url": link}} if (link := words.get("documented_at")) else {}),
        }
    for name in commands:
        described[name] = {"headers": _headers(_JSON), "key": "store id, fact or replay id"}
    for event in EVENT_TYPES:
        described[event.__name__] = {"headers": _event_headers(event), "key": "store/order"}
    for name, fields in described.items():
        fields["x-compatibility"] = compatibility_of(name)
    described["DeadLetter"] = {
        "summary": "A message that was refused: its original key, value and headers, and the "
        "reason.",
        "contentType": "application/octet-stream",
        "headers": _dead_letter_headers(),
        "payload": {"description": "The original bytes, unchanged; any bytes, or none"},
        "key": "As received",
    }
    examples = read_examples()
    return {
        name: _message(name, {"summary": summaries.get(name), **fields}, examples[name])
        for name, fields in sorted(described.items())
    }


def _message(name: str, fields: Mapping[str, Any], example: "Example") -> dict[str, Any]:
    key = {**_TEXT, "description": fields["key"]}
    return {
        "name": name,
        "title": name,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{name}"},
        **{field: value for field, value in fields.items() if field != "key"},
        "bindings": {"kafka": {"key": key, "bindingVersion": KAFKA_BINDING}},
        "examples": [
            {
                **({"headers": example.headers} if example.headers else {}),
                "payload": example.payload,
            }
        ],
        "x-example-keys": [example.key],
    }


def _payload(name: str, words: Mapping[str, Any]) -> Schema:
    match words:
        case {"any_of": fields}:
            return {"type": "object", "anyOf": [{"required": [field]} for field in fields]}
        case {"notification": kind}:
            return {
                "type": "object",
                "required": ["NotificationType", "Payload"],
                "properties": {"NotificationType": {"const": kind}, "Payload": {"type": "object"}},
            }
        case {"deletes": _}:
            return {"type": "null"}
        case _:
            return {"$ref": f"#/components/schemas/{name}"}


def _summary(model: type[Any]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _headers(optional: Schema, required: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**(required or {}), **optional},
        **({"required": list(required)} if required else {}),
    }


def _event_headers(event: type[EventBody]) -> Schema:
    required: Schema = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {
            **_TEXT,
            "description": "The event_id; duplicates of an event have the same",
        },
        "ce_type": {"const": event.__name__},
        "ce_source": {
            **_TEXT,
            "pattern": "^/order-import/[^/]+(/[^/]+)?$",
            "description": "/order-import/ORDER_IMPORT_INSTALLATION, and the topic prefix if there "
            "is one: ce_id is unique within it",
        },
        "ce_dataschema": {"const": schema_urn(event.__name__)},
        "ce_subject": {**_TEXT, "description": "store/order"},
        "ce_time": {**_TEXT, "format": "date-time"},
        **_JSON,
    }
    trace: Schema = {
        "traceparent": {
            **_TEXT,
            "description": "W3C trace context: the cause's, or a new one if the worker is traced",
        },
        "tracestate": {**_TEXT, "description": "Its vendor part, if the cause had one"},
    }
    return _headers(trace, required)


def _dead_letter_headers() -> Schema:
    prefix = "__connect.errors."
    number = {**_TEXT, "pattern": "^[0-9]+$"}
    required: Schema = {
        f"{prefix}topic": {**_TEXT, "description": "Where the message came from"},
        f"{prefix}partition": number,
        f"{prefix}offset": number,
        f"{prefix}exception.class.name": {"const": "Refusal"},
        f"{prefix}exception.message": {
            **_TEXT,
            "description": "The field and the expected value, never the input",
        },
        "error-code": {"anyOf": [{"enum": [code.value for code in DeadLetterCode]}, _TEXT]},
    }
    optional: Schema = {
        "redrive-count": {**_TEXT, "description": "How often it was redriven before"},
        "redriven-from": {**_TEXT, "description": "topic:partition:offset it was redriven from"},
        "last-offset": {
            **number,
            "description": "The offset of the last message, if it represents several",
        },
    }
    return _headers(optional, required)


class Example(NamedTuple):
    """A message on Kafka. Its payload is parsed; of a dead letter it is a text."""

    key: str
    payload: Any
    headers: Mapping[str, str]


@cache
def read_examples() -> Mapping[str, Example]:
    """Return the example of each message by its name."""
    examples = {name: _as_sent(outgoing) for name, outgoing in _written().items()}
    kinds = {topic: kind for kind, topic in TOPICS.items()}
    for topic, channel in WORDS["topics"].items():
        for name in channel["messages"]:
            words = WORDS["messages"].get(name, {})
            if file := words.get("example"):
                document = next(cut_documents(file, (_EXAMPLES / file).read_bytes()))
                headers = {"store-id": words["store"]} if "store" in words else {}
                key = make_key(kinds[topic], document) or ""
                examples[name] = Example(key, document.body, headers)
            elif kept := words.get("deletes"):
                examples[name] = examples[kept]._replace(payload=None)
    return examples


def _written() -> dict[str, Outgoing]:
    fact = keys.depends_on_product("LAMP")
    return {
        "Recheck": CommandMessage(fact, Recheck(fact=fact)),
        "Sync": CommandMessage(_STORE, Sync(store_id=_STORE, requested_at=_AT)),
        "ReplayStep": CommandMessage("2026-11-23-1", ReplayStep(replay_id="2026-11-23-1", step=0)),
        **{event.__name__: _read_event(event) for event in EVENT_TYPES},
        "DeadLetter": DeadLetter(
            topic="amazon.orders",
            partition=1,
            offset=42,
            code=DeadLetterCode.MALFORMED_JSON,
            message="expected JSON: EOF while parsing an object at line 1 column 1",
            key=b"304-1111111-0000005",
            value=b"{",
            headers=(("store-id", _STORE.encode()),),
            at=_AT,
        ),
    }


def _read_event(event: type[EventBody]) -> Event:
    name = event.__name__
    body = event.model_validate_json((_EXAMPLES / "events" / f"{name}.json").read_bytes())
    return Event(
        event_id=body.event_id,
        event_type=name,
        topic=event.topic,
        key=keys.order_key(body.store_id, body.amazon_order_id),
        sequence=body.sequence,
        occurred_at=body.occurred_at,
        cause=MessageRef(**body.cause.model_dump(), traceparent=_TRACE, tracestate=_STATE),
        body=body.model_dump_json(by_alias=True).encode(),
    )


def _as_sent(outgoing: Outgoing) -> Example:
    message = encode(outgoing, _SOURCE)
    value = (message.value or b"").decode()
    return Example(
        key=(message.key or b"").decode(),
        payload=value if isinstance(outgoing, DeadLetter) else json.loads(value),
        headers={name: (header or b"").decode() for name, header in message.headers},
    )
