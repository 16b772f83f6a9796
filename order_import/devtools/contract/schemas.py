"""JSON Schemas, from the very models that read and write the messages."""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from handlers.payloads.document import AMAZONS, SAYS, DocumentOrder
from models.amazon_order import AmazonStatus
from models.commands import Command
from models.events import EVENT_TYPES
from models.reference_data import Listing, OrderUpdate, Product, Store

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1

DOCUMENT = "OrderDocument"
"""The published name of the project's own order document."""

FACTS: tuple[type[BaseModel], ...] = (Store, Product, Listing, OrderUpdate)
COMMANDS: tuple[type[BaseModel], ...] = get_args(get_args(Command)[0])

_NOT_READ = (
    *("items_complete", "items_expected", "shipping_service", "programs", "packages"),
    *("is_notification", "clocks"),
)
"""Fields of an order that its document does not have: they are known from elsewhere."""

_DATE_TIME: Schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_TOLD: Mapping[str, Schema] = {
    "store_id": {"description": "Else the store-id header, or the store of the marketplace"},
    "status": {"description": f"One of {', '.join(AmazonStatus)}; what is not known waits"},
    "fulfillment_channel": {"description": "MFN, the merchant ships; AFN, Amazon ships"},
    "sales_channel": {
        "description": "Amazon or Non-Amazon (the merchant's other channels that Amazon ships)"
    },
    "purchase_date": _DATE_TIME,
    "last_update_date": {
        **_DATE_TIME,
        "description": "Newer wins, part by part; what is told first is taken",
    },
    "latest_ship_date": _DATE_TIME,
    "total": {"description": "What the buyer pays for the whole order"},
    "buyer": {"description": "Personal data: never in an event, never in a log"},
    "ship_to": {"description": "Personal data: never in an event, never in a log"},
    "items": {"description": "All lines. Without them the order waits (details-pending)"},
}
"""What the types of the document's fields do not say."""

_SAYS_SOMETHING = [{"required": [name]} for name in SAYS]
_AMAZONS_NAMES = {
    re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in AMAZONS
} - DocumentOrder.model_fields.keys()

_NAMES_ONE_ORDER = [
    {"required": ["commerce_order_id"]},
    {"required": ["store_id", "amazon_order_id"]},
]


def component_schemas() -> dict[str, Schema]:
    """Give every schema by its name, referring to each other within an AsyncAPI document."""
    return _schemas("#/components/schemas/{model}")


def standalone_schemas() -> dict[str, Schema]:
    """Give a JSON Schema of draft 2020-12 per message, each whole by itself."""
    every = _schemas("#/$defs/{model}")
    named = [DOCUMENT, *(model.__name__ for model in (*FACTS, *EVENT_TYPES, *COMMANDS))]
    schemas = {}
    for name in named:
        needed = _reachable(every[name], every)
        schemas[name] = {
            "$schema": DIALECT,
            "$id": f"urn:order-import:schema:{name}:{VERSION}",
            **every[name],
            **({"$defs": {one: every[one] for one in sorted(needed)}} if needed else {}),
        }
    return schemas


def _schemas(template: str) -> dict[str, Schema]:
    # What is read is described as it is accepted, what is written as it is sent.
    read = _definitions([DocumentOrder, *FACTS], "validation", template)
    read[DOCUMENT] = _document(read.pop(DocumentOrder.__name__))
    read[OrderUpdate.__name__]["anyOf"] = _NAMES_ONE_ORDER
    written = _definitions([*EVENT_TYPES, *COMMANDS], "serialization", template)
    for name in read.keys() & written.keys():
        if read[name] != written[name]:
            raise AssertionError(f"two schemas are called {name}")
    every = read | written
    roots = [DOCUMENT, *(model.__name__ for model in (*FACTS, *EVENT_TYPES, *COMMANDS))]
    needed = set(roots).union(*(_reachable(every[name], every) for name in roots))
    return {name: every[name] for name in sorted(needed)}


def _definitions(
    models: list[type[BaseModel]], mode: Literal["validation", "serialization"], template: str
) -> dict[str, Schema]:
    _, schema = models_json_schema([(model, mode) for model in models], ref_template=template)
    return {name: _without_titles(found) for name, found in schema["$defs"].items()}


def _without_titles(schema: Schema) -> Schema:
    """Leave out the titles of fields: they only say the names again."""
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
        name: field | _TOLD.get(name, {})
        for name, field in schema["properties"].items()
        if name not in _NOT_READ
    }
    return {
        **schema,
        "title": DOCUMENT,
        "description": (
            "An order, in the project's own form. What is missing or null was not told. Other "
            "fields are ignored, but not those of Amazon's own names, however they are spelled: "
            "a body of Amazon's is sent as it is."
        ),
        "properties": properties,
        "anyOf": _SAYS_SOMETHING,
        "propertyNames": {"not": {"enum": sorted(_AMAZONS_NAMES)}},
    }


def _reachable(schema: object, every: Mapping[str, Schema]) -> set[str]:
    """Give the names of all schemas that one refers to, over any number of steps."""
    found: set[str] = set()
    looking = [schema]
    while looking:
        match looking.pop():
            case dict() as node:
                name = str(node.get("$ref", "")).rpartition("/")[2]
                if name and name not in found:
                    found.add(name)
                    looking.append(every[name])
                looking += node.values()
            case list() as nodes:
                looking += nodes
            case _:
                pass
    return found
