"""The contract: committed as generated, valid, whole, and true of what is read and written."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from handlers.payloads import read_payload
from models.commands import COMMAND
from models.messages import DeadLetterCode
from models.reference_data import Listing, OrderUpdate, Product, StockItem, Store
from models.topics import READ_TOPICS, TOPICS, TopicName
from order_import.__main__ import main
from order_import.devtools.contract.document import ASYNCAPI, asyncapi_document, contract_files
from order_import.devtools.contract.schemas import standalone_schemas

COMMITTED = Path(__file__).parents[2] / "docs" / "contract"
OFFICIAL = Path(__file__).parent / "asyncapi" / "3.0.0.json"
DOCUMENT = asyncapi_document()
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
ORDERS = list(DOCUMENT["channels"]["amazon.orders"]["messages"])


def committed() -> dict[str, str]:
    return {
        str(file.relative_to(COMMITTED)): file.read_text(encoding="utf-8")
        for pattern in ("*.json", "schemas/*.json")
        for file in COMMITTED.glob(pattern)
    }


def references(node: object) -> Iterator[str]:
    match node:
        case dict():
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for part in node.values():
                yield from references(part)
        case list():
            for part in node:
                yield from references(part)
        case _:
            pass


def resolved(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    for name in reference[2:].split("/"):
        document = document[name.replace("~1", "/").replace("~0", "~")]
    return document


def test_the_committed_files_are_the_generated_ones() -> None:
    """When this fails: make reference."""
    assert committed() == dict(contract_files())


def test_it_is_the_same_every_time() -> None:
    assert contract_files() == contract_files()


def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))


def test_the_document_is_valid_asyncapi() -> None:
    assert [error.message for error in official().iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    "broken",
    [
        {"asyncapi": "2.0.0"},
        {"info": {"title": "no version"}},
        {"operations": {"x": {"action": "shout", "channel": {"$ref": "#/channels/x"}}}},
        {"channels": {"x": {"address": 3}}},
    ],
)
def test_a_broken_document_would_be_found(broken: dict[str, Any]) -> None:
    assert not official().is_valid(DOCUMENT | broken)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > 50
    for reference in found:
        assert resolved(DOCUMENT, reference) is not None
    for schema in standalone_schemas().values():
        for reference in references(schema):
            assert resolved(schema, reference) is not None


def test_every_topic_is_there_as_the_table_has_it() -> None:
    channels = DOCUMENT["channels"]
    assert list(channels) == [topic.name.value for topic in TOPICS] == [*TopicName]
    for topic in TOPICS:
        channel = channels[topic.name]
        assert channel["address"] == topic.name
        assert channel["x-key"] == topic.key
        assert channel["messages"], topic.name
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == (topic.partitions or 4)
        told = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in kafka["topicConfiguration"].items()
        }
        assert told == topic.config


def test_the_operations_are_what_the_worker_does() -> None:
    operations = DOCUMENT["operations"]
    received = {name for name, one in operations.items() if one["action"] == "receive"}
    assert received == {f"receive.{name}" for name in READ_TOPICS}
    sent = {name for name, one in operations.items() if one["action"] == "send"}
    assert sent == {
        f"send.{name}"
        for name in (
            *("order-import.commands", "commerce.orders"),
            *("amazon.orders.blocked", "amazon.orders.not-imported", "order-import.dead-letter"),
        )
    }
    for operation in operations.values():
        channel = resolved(DOCUMENT, operation["channel"]["$ref"])
        assert len(operation["messages"]) == len(channel["messages"])


def test_every_message_is_on_a_topic() -> None:
    used = {name for channel in DOCUMENT["channels"].values() for name in channel["messages"]}
    assert used == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_examples_that_its_schemas_allow(name: str) -> None:
    message = MESSAGES[name]
    schemas = {"components": DOCUMENT["components"]}
    assert message["examples"]
    assert len(message["x-example-keys"]) == len(message["examples"])
    for example in message["examples"]:
        Draft202012Validator({**schemas, **message["payload"]}).validate(example["payload"])
        Draft202012Validator(message["headers"]).validate(example.get("headers", {}))


@pytest.mark.parametrize("name", standalone_schemas())
def test_every_json_schema_is_one_and_allows_the_examples(name: str) -> None:
    schema = standalone_schemas()[name]
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for example in MESSAGES[name]["examples"]:
        validator.validate(example["payload"])
    assert not validator.is_valid({})
    assert not validator.is_valid([])


@pytest.mark.parametrize("name", ORDERS)
def test_every_example_of_an_order_is_read(name: str) -> None:
    for example in MESSAGES[name]["examples"]:
        reading = read_payload(json.dumps(example["payload"]).encode())
        assert reading.refusal is None
        assert [order.amazon_order_id for order in reading.orders] == MESSAGES[name][
            "x-example-keys"
        ]


@pytest.mark.parametrize(
    ("topic", "read"),
    [
        ("commerce.stores", Store.model_validate),
        ("commerce.products", Product.model_validate),
        ("commerce.stock", StockItem.model_validate),
        ("commerce.listings", Listing.model_validate),
        ("commerce.order-updates", OrderUpdate.model_validate),
        ("order-import.commands", COMMAND.validate_python),
    ],
)
def test_every_example_of_a_fact_and_of_a_command_is_read(
    topic: str, read: Callable[[Any], object]
) -> None:
    read_any = False
    for name in DOCUMENT["channels"][topic]["messages"]:
        for example in MESSAGES[name]["examples"]:
            if example["payload"] is not None:
                assert read(example["payload"])
                read_any = True
    assert read_any


def test_what_an_order_update_must_name_is_in_its_schema() -> None:
    validator = Draft202012Validator(standalone_schemas()["OrderUpdate"])
    told = {"status": "shipped", "at": "2026-11-24T09:00:00Z"}
    assert not validator.is_valid(told)
    assert not validator.is_valid({**told, "store_id": "us"})
    assert validator.is_valid({**told, "store_id": "us", "amazon_order_id": "1"})


def test_money_is_a_string_in_every_event() -> None:
    schema = standalone_schemas()["CommerceOrderCreated"]
    assert schema["$defs"]["Money"]["properties"]["amount"]["type"] == "string"
    example = MESSAGES["CommerceOrderCreated"]["examples"][0]["payload"]
    assert example["lines"][0]["price"]["amount"] == "38.00"
    assert not Draft202012Validator(schema).is_valid({**example, "total": 38.0})


def test_what_is_not_read_of_a_document_is_not_promised() -> None:
    fields = standalone_schemas()["OrderDocument"]["properties"]
    assert not {"items_complete", "items_expected", "packages", "clocks"} & set(fields)
    assert {"amazon_order_id", "items", "total", "charges", "ship_to"} <= set(fields)


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"status": "Pending"}, True),
        ({"store_id": "us", "of_no_form": 1}, True),
        ({"items": []}, True),
        ({}, False),
        ({"purchase_date": "2026-11-23T09:15:00Z"}, False),
        ({"status": "Pending", "order_status": "Pending"}, False),
        ({"items": [], "order_total": {"currency_code": "USD", "amount": "1.00"}}, False),
        ({"items": [], "is_prime": True}, False),
    ],
)
def test_the_schema_of_the_document_allows_what_is_read(
    body: dict[str, Any], *, accepted: bool
) -> None:
    document = {"amazon_order_id": "111-0000001-0000001"} | body
    schema = Draft202012Validator(standalone_schemas()["OrderDocument"])
    assert schema.is_valid(document) is accepted
    assert (read_payload(json.dumps(document).encode()).refusal is None) is accepted


def test_no_event_names_a_field_of_a_buyer() -> None:
    for name in ("commerce.orders", "amazon.orders.blocked", "amazon.orders.not-imported"):
        for message in DOCUMENT["channels"][name]["messages"]:
            text = json.dumps(standalone_schemas()[message]["properties"])
            for word in ("ship_to", "email", "phone", "postal", '"buyer"'):
                assert word not in text


def test_every_dead_letter_code_is_explained() -> None:
    assert set(DOCUMENT["x-dead-letter-codes"]) == set(DeadLetterCode)
    headers = MESSAGES["DeadLetter"]["headers"]["properties"]
    assert headers["error-code"]["anyOf"][0]["enum"] == [*DeadLetterCode]


def test_a_message_says_what_compatibility_it_keeps() -> None:
    for topic, channel in DOCUMENT["channels"].items():
        for name in channel["messages"]:
            promise = MESSAGES[name].get("x-compatibility")
            if topic == TopicName.DEAD_LETTER:
                assert promise is None
            else:
                assert promise == (
                    "BACKWARD_TRANSITIVE" if topic in READ_TOPICS else "FULL_TRANSITIVE"
                )


def leave(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_command_prints_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("contract") == 0
    assert capsys.readouterr().out == contract_files()[ASYNCAPI]


def test_the_command_writes_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "a" / "b"
    assert leave("contract", "--output", str(there), "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"] == list(contract_files())
    for name, text in contract_files().items():
        assert (there / name).read_text(encoding="utf-8") == text


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert leave("contract", "--output", str(tmp_path / "file")) == 1
    assert "cannot write" in capsys.readouterr().err
