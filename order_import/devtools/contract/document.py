"""The AsyncAPI document of the contract, and all its files as they are committed."""

import json
from collections.abc import Mapping
from typing import Any

from models.events import SCHEMA_VERSION
from models.labels import DEAD_LETTER_CAUSES
from models.messages import DeadLetterCode
from models.topics import READ_TOPICS, TOPICS, Topic
from order_import.devtools.contract.channels import CHANNELS, WORKER, describe_errors
from order_import.devtools.contract.compatibility import compatibility_of
from order_import.devtools.contract.messages import Message, messages
from order_import.devtools.contract.schemas import (
    DIALECT,
    component_schemas,
    standalone_schemas,
)
from order_import.settings import Settings

ASYNCAPI = "asyncapi.json"
_BINDING = "0.5.0"
_TEXT = {"type": "string"}

_DESCRIPTION = (
    "Amazon orders arrive on Kafka; each becomes a Commerce order, or is blocked with all reasons. "
    "Addresses are without the prefix that an installation may put before all topics. Fields may "
    "be added to any message, and values to any enumeration of an event; no field is removed, and "
    "none changes its type. What was accepted once is accepted forever, and events can be read "
    "with any released schema, older or newer."
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
        "channels": {topic.name.value: _channel(topic) for topic in TOPICS},
        "operations": {
            name: operation for topic in TOPICS for name, operation in _operations(topic).items()
        },
        "components": {
            "messages": {name: _message(message) for name, message in sorted(messages().items())},
            "schemas": component_schemas(),
        },
        "x-dead-letter-codes": {code.value: DEAD_LETTER_CAUSES[code] for code in DeadLetterCode},
        "x-json-schema": DIALECT,
    }


def _channel(topic: Topic) -> dict[str, Any]:
    channel = CHANNELS[topic.name]
    default = Settings.model_fields["topic_partitions"].default
    return {
        "address": topic.name.value,
        "description": channel.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions or default,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": _BINDING,
            }
        },
        "x-key": topic.key,
        "x-partitions": (
            "fixed" if topic.partitions else "ORDER_IMPORT_TOPIC_PARTITIONS when it is created"
        ),
        "x-written-by": list(channel.written_by),
        "x-read-by": list(channel.read_by),
        "x-personal-data": channel.personal,
        "x-errors": describe_errors(topic.name),
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    for name, value in topic.config.items():
        if name == "cleanup.policy":
            configuration[name] = value.split(",")
        else:
            configuration[name] = int(value)
    return configuration


def _operations(topic: Topic) -> dict[str, Any]:
    """Return the worker's operations on a topic."""
    channel = CHANNELS[topic.name]
    name = topic.name.value
    reference = {"channel": {"$ref": f"#/channels/{name}"}}
    references = [{"$ref": f"#/channels/{name}/messages/{message}"} for message in channel.messages]
    operations: dict[str, Any] = {}
    if topic.name in READ_TOPICS:
        group = Settings.model_fields["consumer_group"].default
        operations[f"receive.{name}"] = {
            "action": "receive",
            **reference,
            "summary": f"The worker reads {name}.",
            "bindings": {
                "kafka": {
                    "groupId": {**_TEXT, "const": group},
                    "bindingVersion": _BINDING,
                }
            },
            "messages": references,
        }
    if WORKER in channel.written_by:
        operations[f"send.{name}"] = {
            "action": "send",
            **reference,
            "summary": f"The worker writes {name}.",
            "messages": references,
        }
    return operations


def _to_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _message(message: Message) -> dict[str, Any]:
    schema = message.schema
    payload = {"$ref": f"#/components/schemas/{schema}"} if isinstance(schema, str) else schema
    link = message.documented_at
    is_json = message.content_type == "application/json"
    return {
        "name": message.name,
        "title": message.name,
        "summary": message.summary,
        "contentType": message.content_type,
        "headers": message.headers,
        "payload": payload,
        "bindings": {
            "kafka": {"key": {**_TEXT, "description": message.key}, "bindingVersion": _BINDING}
        },
        **({"externalDocs": {"url": link}} if link else {}),
        **({"x-compatibility": compatibility_of(message.name)} if is_json else {}),
        "examples": [
            {name: value for name, value in example.items() if name != "x-key"}
            for example in message.examples
        ],
        "x-example-keys": [example["x-key"] for example in message.examples],
    }
