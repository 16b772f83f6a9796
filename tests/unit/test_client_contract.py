"""The client package and the contract are about the same fields, topics, keys and values."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

import order_import_client as client
from handlers.payloads import read_payload
from models import keys
from models.events import EVENT_TYPES
from models.reasons import BlockerCode, SkipReason
from models.reference_data import CommerceStatus, CountsOrdersFrom, OrderNumberSource
from models.topics import TopicName
from order_import.devtools.contract.document import asyncapi_document
from order_import.devtools.contract.released import released_sets
from order_import.devtools.contract.schemas import standalone_schemas
from order_import_client import facts, orders
from order_import_client.testing import make_record
from tests.builders import NOW, a_listing, a_product, a_stock_item, a_store, an_update

ROOT = Path(__file__).parents[2]
SCHEMAS = standalone_schemas()
MESSAGES: dict[str, Any] = asyncapi_document()["components"]["messages"]
EVENTS = [event.__name__ for event in EVENT_TYPES]
PUBLISHED: Mapping[str, type[BaseModel]] = {
    "Store": client.Store,
    "Product": client.Product,
    "StockItem": client.StockItem,
    "Listing": client.Listing,
    "OrderUpdate": client.OrderUpdate,
    "OrderDocument": client.OrderDocument,
}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def missing(schema: Any, root: Any, model: type[BaseModel]) -> Iterator[str]:
    """The fields of a schema that the client's model lacks, at any depth."""
    named = {field.alias or name: field for name, field in model.model_fields.items()}
    for name, described in schema.get("properties", {}).items():
        if name not in named:
            yield f"{model.__name__}.{name}"
            continue
        inner = [*models_in(named[name].annotation)]
        for reference in references(described):
            for found in inner:
                yield from missing(root["$defs"][reference], root, found)


def references(described: Any) -> Iterator[str]:
    """The objects that a field's schema refers to, directly or in a list."""
    if "$ref" in described:
        name = described["$ref"].rpartition("/")[2]
        yield name
    for part in [*described.get("anyOf", ()), described.get("items", {})]:
        yield from references(part) if part else ()


@pytest.mark.parametrize("name", EVENTS)
def test_the_client_has_every_field_of_an_event(name: str) -> None:
    assert [*missing(SCHEMAS[name], SCHEMAS[name], client.EVENT_TYPES[name])] == []


def test_the_client_has_every_field_of_a_claimed_buyer() -> None:
    schema = SCHEMAS["ClaimedBuyer"]
    assert [*missing(schema, schema, client.ClaimedBuyer)] == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_client_can_publish_every_field(name: str) -> None:
    assert [*missing(SCHEMAS[name], SCHEMAS[name], PUBLISHED[name])] == []


def test_a_missing_field_would_be_seen() -> None:
    schema: Any = {"properties": {"lines": {"items": {"$ref": "#/$defs/EventLine"}}}}
    root: Any = {"$defs": {"EventLine": {"properties": {"sku": {}, "weight": {}}}}}
    assert [*missing(schema, root, client.CommerceOrderCreated)] == ["Line.weight"]


def test_the_client_knows_every_event_and_no_other() -> None:
    assert {name: kind.topic for name, kind in client.EVENT_TYPES.items()} == {
        event.__name__: event.topic for event in EVENT_TYPES
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (BlockerCode, client.BlockerCode),
        (SkipReason, client.SkipReason),
        (CommerceStatus, client.CommerceStatus),
        (OrderNumberSource, client.OrderNumberSource),
        (CountsOrdersFrom, client.CountsOrdersFrom),
    ],
)
def test_the_client_knows_every_released_value(ours: Any, theirs: Any) -> None:
    """When this fails: add the value to the client, which is released with the contract."""
    present, known = {*map(str, ours)}, {*map(str, theirs)}
    assert known <= present
    assert not (present - known) & {*values_of([*released_sets().values()])}


def values_of(node: Any) -> Iterator[Any]:
    """Yield all values of enumerations in schemas."""
    match node:
        case dict():
            yield from node.get("enum", ())
            for part in node.values():
                yield from values_of(part)
        case list():
            for part in node:
                yield from values_of(part)
        case _:
            pass


@pytest.mark.parametrize("name", EVENTS)
def test_the_client_reads_the_contract_s_examples(name: str) -> None:
    (example,) = MESSAGES[name]["examples"]
    headers = [(key, value.encode()) for key, value in example["headers"].items()]
    event = client.read_event(json.dumps(example["payload"]).encode(), headers)
    assert isinstance(event, client.EVENT_TYPES[name])
    assert event.model_extra == {}


@pytest.mark.parametrize("name", EVENTS)
def test_a_builder_s_event_is_what_the_contract_allows(name: str) -> None:
    record = make_record(client.EVENT_TYPES[name])
    required = {*MESSAGES[name]["headers"]["required"]}
    assert required <= {header for header, _ in record.headers}
    problems = Draft202012Validator(SCHEMAS[name]).iter_errors(json.loads(record.value))
    # Fields that came later are optional for consumers, and their builders do without.
    assert [error.message for error in problems if error.validator != "required"] == []


def test_the_topics_are_those_of_the_contract() -> None:
    assert {*client.EVENT_TOPICS} == {
        TopicName.COMMERCE_ORDERS,
        TopicName.BLOCKED,
        TopicName.NOT_IMPORTED,
    }
    assert (
        facts.STORES,
        facts.PRODUCTS,
        facts.STOCK,
        facts.LISTINGS,
        facts.ORDER_UPDATES,
        orders.ORDERS,
    ) == (
        TopicName.STORES,
        TopicName.PRODUCTS,
        TopicName.STOCK,
        TopicName.LISTINGS,
        TopicName.ORDER_UPDATES,
        TopicName.ORDERS,
    )


def test_what_the_client_publishes_is_read_as_it_was_meant() -> None:
    key = keys.order_key("store-1", "902-1111111-0000001")
    update = an_update("shipped", commerce_order_id=keys.commerce_order_id(key))
    for ours in (a_store(seller_id="A"), a_product(), a_stock_item(), a_listing(), update):
        kind = PUBLISHED[type(ours).__name__]
        fact = kind.model_validate_json(ours.model_dump_json(exclude_none=True))
        value = fact.message().value  # type: ignore[attr-defined]  # every one of them has it
        assert type(ours).model_validate_json(value) == ours


def test_an_order_document_of_the_client_is_read() -> None:
    price = client.Price.model_validate({"amount": "38.00", "currency": "USD"})
    message = client.OrderDocument(
        amazon_order_id="1",
        store_id="us",
        status="Unshipped",
        fulfillment_channel=client.FulfillmentChannel.MFN,
        purchase_date=NOW,
        total=price,
        ship_to=client.Address(name="A", lines=("1 Street",)),
        items=(client.OrderItem(order_item_id="1", seller_sku="A", quantity=2, price=price),),
    ).message()
    parsed = read_payload(message.value)
    assert parsed.refusal is None
    (order,) = parsed.orders
    assert (order.amazon_order_id, order.store_id, order.purchase_date) == ("1", "us", NOW)
    assert [(item.quantity, str(item.price and item.price.amount)) for item in order.items] == [
        (2, "38.00")
    ]
