"""The JSON Schemas of the contract, from the models that read and write the messages."""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from handlers.payloads.document import AMAZONS, SAYS, DocumentOrder
from models.amazon_order import AmazonStatus
from models.buyer_data import ClaimedBuyer
from models.commands import Command
from models.events import EVENT_TYPES, schema_urn
from models.reference_data import Listing, OrderUpdate, Product, StockItem, Store

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

DOCUMENT = "OrderDocument"
"""The published name of the project's own order document."""

FACTS: tuple[type[BaseModel], ...] = (Store, Product, StockItem, Listing, OrderUpdate)
COMMANDS: tuple[type[BaseModel], ...] = get_args(get_args(Command)[0])
ANSWERS: tuple[type[BaseModel], ...] = (ClaimedBuyer,)
"""What the console answers to programs, over HTTP."""

_MODELS = (*FACTS, *EVENT_TYPES, *COMMANDS, *ANSWERS)

_NOT_READ = (
    "items_complete",
    "items_expected",
    "packages",
    "is_notification",
    "charges_told",
    "clocks",
)
"""Fields of an order that its document does not have: other formats set them."""

_DATE_TIME: Schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_DESCRIPTIONS: Mapping[str, Schema] = {
    "store_id": {"description": "Without it, the store-id header, or the marketplace's store"},
    "status": {
        "description": f"One of {', '.join(AmazonStatus)}; an order with an unknown one waits"
    },
    "fulfillment_channel": {"description": "MFN: the merchant ships; AFN: Amazon ships"},
    "sales_channel": {
        "description": "Amazon, or Non-Amazon for the merchant's other channels that Amazon ships"
    },
    "purchase_date": _DATE_TIME,
    "last_update_date": {
        **_DATE_TIME,
        "description": "Newer wins, part by part; a part that was unknown is always accepted",
    },
    "latest_ship_date": _DATE_TIME,
    "latest_delivery_date": {
        **_DATE_TIME,
        "description": "The end of the delivery window: the buyer of a shipped order is erased "
        "30 days later",
    },
    "total": {"description": "What the buyer pays for the whole order"},
    "buyer": {"description": "Personal data: never in an event, never in a log"},
    "ship_to": {"description": "Personal data: never in an event, never in a log"},
    "gifts": {"description": "Personal data: never in an event, never in a log"},
    "items": {"description": "All lines. Without them the order waits (details-pending)"},
}
"""Additions to the schemas of the document's fields."""

_SAYS_SOMETHING = [{"required": [name]} for name in SAYS]
_AMAZONS_NAMES = {
    re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in AMAZONS
} - DocumentOrder.model_fields.keys()

_STANDS_FOR = [{"required": ["sku"]}, {"required": ["components"]}]
_NAMES_ONE_ORDER = [
    {"required": ["commerce_order_id"]},
    {"required": ["store_id", "amazon_order_id"]},
]


def component_schemas() -> dict[str, Schema]:
    """Return all schemas by name, with references that are valid in the AsyncAPI document."""
    return _schemas("#/components/schemas/{model}")


def standalone_schemas() -> dict[str, Schema]:
    """Return a self-contained JSON Schema of draft 2020-12 per message."""
    every = _schemas("#/$defs/{model}")
    named = [DOCUMENT, *(model.__name__ for model in _MODELS)]
    schemas = {}
    for name in named:
        needed = _reachable(every[name], every)
        schemas[name] = {
            "$schema": DIALECT,
            "$id": schema_urn(name),
            **every[name],
            **({"$defs": {part: every[part] for part in sorted(needed)}} if needed else {}),
        }
    return schemas


def _schemas(template: str) -> dict[str, Schema]:
    # Messages that are read are described as accepted, and messages that are written as sent.
    read = _definitions([DocumentOrder, *FACTS], "validation", template)
    read[DOCUMENT] = _document(read.pop(DocumentOrder.__name__))
    read[OrderUpdate.__name__]["anyOf"] = _NAMES_ONE_ORDER
    read[Listing.__name__]["anyOf"] = _STANDS_FOR
    written = _open_enumerations(_definitions([*EVENT_TYPES], "serialization", template))
    written |= _definitions([*COMMANDS, *ANSWERS], "serialization", template)
    for command in COMMANDS:  # told apart by their tag
        schema = written[command.__name__]
        schema["required"] = ["command", *schema.get("required", [])]
    for name in read.keys() & written.keys():
        if read[name] != written[name]:
            raise AssertionError(f"two schemas are called {name}")
    every = read | written
    roots = [DOCUMENT, *(model.__name__ for model in _MODELS)]
    needed = set(roots).union(*(_reachable(every[name], every) for name in roots))
    return {name: every[name] for name in sorted(needed)}


def _definitions(
    models: list[type[BaseModel]], mode: Literal["validation", "serialization"], template: str
) -> dict[str, Schema]:
    _, schema = models_json_schema([(model, mode) for model in models], ref_template=template)
    return {name: _without_titles(definition) for name, definition in schema["$defs"].items()}


def _open_enumerations(definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """Allow any text beside the known values of an enumeration: events may gain values."""
    enumerations = {
        name: {"anyOf": [{"enum": definition["enum"], "type": "string"}, {"type": "string"}]}
        for name, definition in definitions.items()
        if "enum" in definition
    }
    return {
        name: with_references(definition, enumerations)
        for name, definition in definitions.items()
        if name not in enumerations
    }


def with_references(node: Any, definitions: Mapping[str, Schema]) -> Any:
    """Return a part of a schema with these definitions in place of the references to them."""
    match node:
        case {"$ref": str(ref), **rest} if (name := ref.rpartition("/")[2]) in definitions:
            return with_references(definitions[name] | rest, definitions)
        case dict():
            return {key: with_references(part, definitions) for key, part in node.items()}
        case list():
            return [with_references(part, definitions) for part in node]
        case _:
            return node


def _without_titles(schema: Schema) -> Schema:
    """Remove the titles of fields, which only repeat the names."""
    fields = schema.get("properties")
    if fields is None:
        return schema
    plain = {
        name: {key: value for key, value in field.items() if key != "title"}
        for name, field in fields.items()
    }
    return {**schema, "properties": plain}


def _document(schema: Schema) -> Schema:
    properties = {
        name: field | _DESCRIPTIONS.get(name, {})
        for name, field in schema["properties"].items()
        if name not in _NOT_READ
    }
    return {
        **schema,
        "title": DOCUMENT,
        "description": (
            "An order in the project's own format. A missing or null field is unknown. Other "
            "fields are ignored, but Amazon's own field names are refused, in any spelling: send "
            "Amazon's bodies unchanged."
        ),
        "properties": properties,
        "anyOf": _SAYS_SOMETHING,
        "propertyNames": {"not": {"enum": sorted(_AMAZONS_NAMES)}},
    }


def _reachable(schema: object, every: Mapping[str, Schema]) -> set[str]:
    names: set[str] = set()
    pending = [schema]
    while pending:
        match pending.pop():
            case dict() as node:
                name = str(node.get("$ref", "")).rpartition("/")[2]
                if name and name not in names:
                    names.add(name)
                    pending.append(every[name])
                pending += node.values()
            case list() as nodes:
                pending += nodes
            case _:
                pass
    return names
