"""The AsyncAPI document of the contract, and all its files as they are committed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from models.amazon_order import Address, Buyer, Gift
from models.buyer_data import ClaimedBuyer
from models.events import SCHEMA_VERSION
from models.labels import DEAD_LETTER_CAUSES
from models.messages import DeadLetterCode
from models.topics import READ_TOPICS, TOPICS, Topic, TopicName
from order_import.devtools.contract.messages import KAFKA_BINDING, WORDS, messages
from order_import.devtools.contract.schemas import (
    DIALECT,
    component_schemas,
    standalone_schemas,
)
from order_import.settings import Settings

ASYNCAPI = "asyncapi.json"
BUYERS = "buyers"
"""The one channel that is no topic: the console answers there, over HTTP."""
_HTTP_BINDING = "0.3.0"
_CLAIMED = ClaimedBuyer(
    store_id="fjordlight-de",
    amazon_order_id="304-1111111-0000001",
    buyer=Buyer(name="Ada Example", email="x1y2z3@marketplace.amazon.de"),
    ship_to=Address(
        name="Ada Example",
        lines=("Musterstrasse 1",),
        city="Berlin",
        postal_code="10115",
        country="DE",
        phone="030 123456",
    ),
    gifts=(Gift(order_item_id="1", message="Enjoy!", wrapping="Classic"),),
    kept_until=datetime(2026, 12, 23, 9, 30, tzinfo=UTC),
)

_DESCRIPTION = (
    "Amazon orders arrive on Kafka; each becomes a Commerce order, or is blocked with all reasons. "
    "Addresses are without the prefix that an installation may put before all topics. Fields may "
    "be added to any message, and values to any enumeration of an event; no field is removed, and "
    "none changes its type. What was accepted once is accepted forever, and events can be read "
    "with any released schema, older or newer."
)

_READ_ERRORS = (
    "A message that cannot be read becomes a dead letter on order-import.dead-letter, with a code "
    "and the bytes unchanged; its partition continues. Unknown fields are ignored."
)
_WRITTEN_ERRORS = (
    "At least once. A duplicate may arrive after a crash; it has the same ce_id, by which "
    "consumers drop it. Events of one order arrive in the order of their sequence."
)


def contract_files() -> Mapping[str, str]:
    """Return all files' texts by path: the AsyncAPI document, and a JSON Schema per message."""
    return {
        ASYNCAPI: _to_json(asyncapi_document()),
        **{f"schemas/{name}": text for name, text in schema_files().items()},
    }


def schema_files() -> Mapping[str, str]:
    """Return the texts of the JSON Schemas by file name."""
    schemas = standalone_schemas()
    return {f"{name}.json": _to_json(schema) for name, schema in sorted(schemas.items())}


def asyncapi_document() -> dict[str, Any]:
    """Return the document, which depends only on the code."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:order-import",
        "info": {
            "title": "Amazon order import",
            "version": f"{SCHEMA_VERSION}.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name.value: _channel(topic) for topic in TOPICS} | {BUYERS: _buyers()},
        "operations": {
            name: operation for topic in TOPICS for name, operation in _operations(topic).items()
        }
        | {f"receive.{BUYERS}": _claim()},
        "components": {
            "messages": messages(),
            "schemas": component_schemas(),
        },
        "x-dead-letter-codes": {code.value: DEAD_LETTER_CAUSES[code] for code in DeadLetterCode},
        "x-json-schema": DIALECT,
    }


def _channel(topic: Topic) -> dict[str, Any]:
    words = WORDS["topics"][topic.name]
    default = Settings.model_fields["topic_partitions"].default
    return {
        "address": topic.name.value,
        "description": words["description"],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in words["messages"]},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions or default,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": KAFKA_BINDING,
            }
        },
        "x-key": topic.key,
        "x-partitions": (
            "fixed" if topic.partitions else "ORDER_IMPORT_TOPIC_PARTITIONS when it is created"
        ),
        "x-written-by": words["written_by"],
        "x-read-by": words["read_by"],
        "x-personal-data": words.get("personal_data"),
        "x-errors": _describe_errors(topic),
    }


def _buyers() -> dict[str, Any]:
    """Return the channel by which a program gets the buyer of an order (rule 27)."""
    words = WORDS[BUYERS]
    return {
        "address": words["address"],
        "description": words["description"],
        "parameters": {"order": {"description": words["order"]}},
        "messages": {
            "ClaimBuyer": {
                "name": "ClaimBuyer",
                "summary": words["request"],
                "headers": {
                    "type": "object",
                    "properties": {
                        "authorization": {"type": "string", "description": words["authorization"]}
                    },
                    "required": ["authorization"],
                },
                "payload": {"type": "null"},
            },
            "ClaimedBuyer": {
                "name": "ClaimedBuyer",
                "summary": words["answer"],
                "contentType": "application/json",
                "payload": {"$ref": "#/components/schemas/ClaimedBuyer"},
                "bindings": {"http": {"statusCode": 200, "bindingVersion": _HTTP_BINDING}},
                "examples": [{"payload": _CLAIMED.model_dump(mode="json")}],
            },
        },
        "x-personal-data": words["personal_data"],
        "x-errors": words["errors"],
    }


def _claim() -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{BUYERS}"}
    return {
        "action": "receive",
        "channel": channel,
        "summary": "The console answers with the buyer of an order.",
        "bindings": {"http": {"method": "GET", "bindingVersion": _HTTP_BINDING}},
        "messages": [{"$ref": f"#/channels/{BUYERS}/messages/ClaimBuyer"}],
        "reply": {
            "channel": channel,
            "messages": [{"$ref": f"#/channels/{BUYERS}/messages/ClaimedBuyer"}],
        },
    }


def _describe_errors(topic: Topic) -> str:
    if topic.name is TopicName.DEAD_LETTER:
        return "At least once: a duplicate has the same topic, partition and offset in its headers."
    return _READ_ERRORS if topic.name in READ_TOPICS else _WRITTEN_ERRORS


def _configuration(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    for name, value in topic.config.items():
        if name == "cleanup.policy":
            configuration[name] = value.split(",")
        else:
            configuration[name] = int(value)
    return configuration


def _operations(topic: Topic) -> dict[str, Any]:
    words = WORDS["topics"][topic.name]
    name = topic.name.value
    reference = {"channel": {"$ref": f"#/channels/{name}"}}
    references = [
        {"$ref": f"#/channels/{name}/messages/{message}"} for message in words["messages"]
    ]
    operations: dict[str, Any] = {}
    if topic.name in READ_TOPICS:
        group = Settings.model_fields["consumer_group"].default
        operations[f"receive.{name}"] = {
            "action": "receive",
            **reference,
            "summary": f"The worker reads {name}.",
            "bindings": {
                "kafka": {
                    "groupId": {"type": "string", "const": group},
                    "bindingVersion": KAFKA_BINDING,
                }
            },
            "messages": references,
        }
    if "worker" in words["written_by"]:
        operations[f"send.{name}"] = {
            "action": "send",
            **reference,
            "summary": f"The worker writes {name}.",
            "messages": references,
        }
    return operations


def _to_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
