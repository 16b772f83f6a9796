"""The promise of the contract: a released schema stays true, and a breaking change is named."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import order_import_client as client
from handlers.payloads import read_payload
from models.commands import COMMAND
from models.events import EVENT_TYPES
from models.reference_data import Listing, OrderUpdate, Product, Store
from order_import.devtools.contract.compatibility import find_breaks
from order_import.devtools.contract.document import asyncapi_document
from order_import.devtools.contract.released import (
    DIRECTORY,
    SUMS,
    NothingToRelease,
    breaks_by_set,
    release,
    released_sets,
)
from order_import.devtools.contract.schemas import DOCUMENT, standalone_schemas

PRESENT: dict[str, Any] = standalone_schemas()
RELEASED: dict[str, dict[str, Any]] = {
    name: {**schemas} for name, schemas in released_sets().items()
}
EVENTS = [event.__name__ for event in EVENT_TYPES]
FIRST = RELEASED["v1"]


def test_the_present_contract_breaks_no_released_one() -> None:
    """When this fails: keep the old field or value, and add a new one beside it."""
    assert breaks_by_set(RELEASED, PRESENT) == []


@pytest.mark.parametrize("version", RELEASED)
def test_a_released_set_is_as_it_was_released(version: str) -> None:
    """When this fails: take back the change in docs/contract/released."""
    folder = DIRECTORY / version
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    sums = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}
    assert sums == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.json")
    }


def test_the_next_set_gets_the_next_number_and_only_for_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert release(tmp_path).name == "v1"
    assert released_sets(tmp_path) == {"v1": PRESENT}
    with pytest.raises(NothingToRelease, match="last released set"):
        release(tmp_path)
    module = "order_import.devtools.contract.released.standalone_schemas"
    monkeypatch.setattr(module, lambda: changed(add_a_field))
    assert release(tmp_path).name == "v2"
    monkeypatch.setattr(module, lambda: changed(remove_a_field))
    with pytest.raises(NothingToRelease, match=r"v1: CommerceOrderCreated\.order_number: field"):
        release(tmp_path)


Change = Callable[[dict[str, Any]], object]


def changed(*changes: Change) -> dict[str, Any]:
    schemas = deepcopy(PRESENT)
    for change in changes:
        change(schemas)
    return schemas


def fields(schemas: dict[str, Any], name: str, part: str | None = None) -> dict[str, Any]:
    """The fields of a message, or of a part of it."""
    schema = schemas[name]
    found: dict[str, Any] = (schema if part is None else schema["$defs"][part])["properties"]
    return found


def add_a_field(schemas: dict[str, Any]) -> None:
    fields(schemas, "CommerceOrderCreated")["gift"] = {"type": "boolean", "default": False}


def remove_a_field(schemas: dict[str, Any]) -> None:
    del fields(schemas, "CommerceOrderCreated")["order_number"]
    schemas["CommerceOrderCreated"]["required"].remove("order_number")


NULL = {"type": "null"}
BREAKING: dict[str, Change] = {
    "OrderImportReleased: message removed": lambda s: s.pop("OrderImportReleased"),
    "CommerceOrderCreated.order_number: field removed": remove_a_field,
    "OrderImportBlocked.blockers[].similar_sku: field removed": lambda s: fields(
        s, "OrderImportBlocked", "Blocker"
    ).pop("similar_sku"),
    "OrderDocument.items[].title: field removed": lambda s: fields(s, DOCUMENT, "DocumentItem").pop(
        "title"
    ),
    "CommerceOrderCreated.total: expected string or null, may be number, in new messages": (
        lambda s: fields(s, "CommerceOrderCreated").update(total={"type": "number"})
    ),
    "CommerceOrderCreated.lines[].order_item_id: expected string, may be null, in new messages": (
        lambda s: fields(s, "CommerceOrderCreated", "EventLine").update(
            order_item_id={"anyOf": [{"type": "string"}, NULL]}
        )
    ),
    "CommerceOrderCreated.currency: expected string, may be null, in old messages": (
        lambda s: fields(s, "CommerceOrderCreated").update(currency={"type": "string"})
    ),
    "CommerceOrderCreated.order_number: required, may be missing, in new messages": (
        lambda s: s["CommerceOrderCreated"]["required"].remove("order_number")
    ),
    "OrderImportSkipped.seller_id: required, may be missing, in old messages": (
        lambda s: (
            fields(s, "OrderImportSkipped").update(seller_id={"type": "string"}),
            s["OrderImportSkipped"]["required"].append("seller_id"),
        )
    ),
    "Product.stock_id: required, may be missing, in old messages": (
        lambda s: (
            fields(s, "Product").update(stock_id={"type": "string"}),
            s["Product"]["required"].append("stock_id"),
        )
    ),
    "CommerceOrderStatusChanged.to: expected one of processing, shipped, may be any, "
    "in old messages": lambda s: fields(s, "CommerceOrderStatusChanged").update(
        to={"enum": ["processing", "shipped"], "type": "string"}
    ),
    "OrderUpdate.status: expected one of processing, shipped, canceled, may be complete, "
    "in old messages": lambda s: s["OrderUpdate"]["$defs"]["CommerceStatus"]["enum"].remove(
        "complete"
    ),
    "CommerceOrderCreated.event_type: expected one of CommerceOrderCreated, may be OrderCreated, "
    "in new messages": lambda s: fields(s, "CommerceOrderCreated")["event_type"].update(
        const="OrderCreated"
    ),
    "CommerceOrderCreated.lines[].price.currency: expected pattern ^[A-Z]{3}$, may be any, "
    "in new messages": lambda s: fields(s, "CommerceOrderCreated", "Money")["currency"].pop(
        "pattern"
    ),
    "OrderDocument.items[].quantity: expected maximum 99, may be 1000000, in old messages": (
        lambda s: fields(s, DOCUMENT, "DocumentItem")["quantity"].update(maximum=99)
    ),
    "Store.name: expected minLength 3, may be 1, in old messages": (
        lambda s: fields(s, "Store")["name"].update(minLength=3)
    ),
    "OrderDocument.buyer.email: expected string, may be null, in old messages": (
        lambda s: fields(s, DOCUMENT, "Buyer").update(email={"type": "string", "default": None})
    ),
    "OrderDocument.gift: refused, may be sent, in old messages": (
        lambda s: s[DOCUMENT]["propertyNames"]["not"]["enum"].append("gift")
    ),
    "Store.import_amazon_orders: default True became False": (
        lambda s: fields(s, "Store")["import_amazon_orders"].update(default=False)
    ),
    "Listing: additionalProperties cannot be compared, in old messages": (
        lambda s: s["Listing"].update(additionalProperties=False)
    ),
}


@pytest.mark.parametrize("named", BREAKING)
def test_a_breaking_change_is_refused_by_name(named: str) -> None:
    assert named in find_breaks(PRESENT, changed(BREAKING[named]))


HARMLESS: dict[str, Change] = {
    "a new message": lambda s: s.update(Stock=s["Product"]),
    "a new field of an event": add_a_field,
    "a new field of a fact": lambda s: fields(s, "Product").update(stock_id={"type": "string"}),
    "a new value of an event's enumeration": lambda s: fields(s, "OrderImportSkipped")["reason"][
        "anyOf"
    ][0]["enum"].append("too-old"),
    "a new value that is accepted": lambda s: s["OrderUpdate"]["$defs"]["CommerceStatus"][
        "enum"
    ].append("returned"),
    "a wider limit": lambda s: fields(s, "Store")["name"].update(maxLength=1000),
    "a fact that may do without a field": lambda s: s["Product"]["required"].remove("enabled"),
    "a fact's field that may be null": lambda s: fields(s, "Product").update(
        enabled={"anyOf": [{"type": "boolean"}, NULL]}
    ),
    "another description": lambda s: s["Store"].update(description="A store"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_other_changes_are_let_through(name: str) -> None:
    assert find_breaks(PRESENT, changed(HARMLESS[name])) == []


def closed_enumerations(node: object, *, is_open: bool = False) -> Iterator[object]:
    match node:
        case {"enum": values} if not is_open:
            yield values
        case {"anyOf": list(options), **others}:
            for option in options:
                yield from closed_enumerations(option, is_open={"type": "string"} in options)
            yield from closed_enumerations(others)
        case dict():
            for part in node.values():
                yield from closed_enumerations(part)
        case list():
            for part in node:
                yield from closed_enumerations(part)
        case _:
            pass


@pytest.mark.parametrize("name", EVENTS)
def test_every_enumeration_of_an_event_may_grow(name: str) -> None:
    assert [*closed_enumerations(PRESENT[name])] == []


def test_the_codes_of_dead_letters_may_grow() -> None:
    headers = asyncapi_document()["components"]["messages"]["DeadLetter"]["headers"]
    assert [*closed_enumerations(headers)] == []


def test_an_enumeration_that_may_not_grow_would_be_seen() -> None:
    statuses = ["processing", "shipped", "complete", "canceled"]
    assert [*closed_enumerations(PRESENT["OrderUpdate"])] == [statuses]


LETTERS = st.characters(categories=("L", "N", "P", "S"), max_codepoint=0x2FF)


def is_told(value: object) -> bool:
    return value not in (None, "")


def objects(
    fields: dict[str, st.SearchStrategy[Any]],
    always: dict[str, st.SearchStrategy[Any]],
    told: Sequence[str],
) -> st.SearchStrategy[Any]:
    """Objects with some fields `always`, and some with a value: a blank one is as good as none."""
    needed = always | {name: fields[name].filter(is_told) for name in told}
    others = {name: field for name, field in fields.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=others)


def documents(schema: Any, root: Any) -> st.SearchStrategy[Any]:
    """Documents that a schema of ours allows."""
    match schema:
        case {"$ref": str(reference)}:
            return documents(root["$defs"][reference.rpartition("/")[2]], root)
        case {"type": "object", "properties": properties}:
            by_name = {name: documents(field, root) for name, field in properties.items()}
            always = {name: by_name[name] for name in schema.get("required", ())}
            options = schema.get("anyOf", [{"required": []}])
            return st.one_of([objects(by_name, always, option["required"]) for option in options])
        case {"anyOf": list(options)}:
            return st.one_of([documents(option, root) for option in options])
        case {"type": "array"}:
            most = min(2, schema.get("maxItems", 2))
            least = schema.get("minItems", 0)
            return st.lists(documents(schema["items"], root), min_size=least, max_size=most)
        case {"const": value}:
            return st.just(value)
        case {"enum": list(values)}:
            return st.sampled_from(values)
        case {"type": "string"}:
            return texts(schema)
        case _:
            return scalars(schema)


def scalars(schema: Any) -> st.SearchStrategy[Any]:
    """Values of a type that is neither a text nor made of others."""
    lowest, highest = schema.get("minimum", -9), schema.get("maximum", 10**9)
    match schema["type"]:
        case "integer":
            return st.integers(lowest, highest)
        case "number":
            return st.floats(lowest, highest)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case other:
            raise AssertionError(f"no values of {other}")


def texts(schema: Any) -> st.SearchStrategy[str]:
    """Texts that a schema of ours allows, without blanks at their ends."""
    match schema:
        case {"format": "date-time"}:
            moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
            return moments.map(lambda at: at.replace(tzinfo=UTC).isoformat())
        case {"pattern": str(pattern)}:
            most = schema.get("maxLength", 100)
            matching = st.from_regex(pattern, fullmatch=True, alphabet=LETTERS)
            return matching.filter(lambda text: len(text) <= most)
        case _:
            most = schema.get("maxLength", 30)
            return st.text(LETTERS, min_size=schema.get("minLength", 0), max_size=most)


SETS = RELEASED if PRESENT in RELEASED.values() else RELEASED | {"present": PRESENT}


@cache
def documents_of(version: str, name: str) -> st.SearchStrategy[Any]:
    return documents(SETS[version][name], SETS[version][name])


@pytest.mark.parametrize("name", EVENTS)
@given(data=st.data())
def test_an_event_of_any_release_is_read_by_any_other(name: str, data: st.DataObject) -> None:
    for version in SETS:
        body = data.draw(documents_of(version, name))
        for others in SETS.values():
            Draft202012Validator(others[name]).validate(body)
        event = client.read_event(json.dumps(body).encode(), [("ce_type", name.encode())])
        assert isinstance(event, client.EVENT_TYPES[name]), getattr(event, "problem", None)


READERS: dict[str, Callable[[Any], object]] = {
    "Store": Store.model_validate,
    "Product": Product.model_validate,
    "Listing": Listing.model_validate,
    "OrderUpdate": OrderUpdate.model_validate,
    **dict.fromkeys(("Recheck", "Sync", "ReplayStep"), COMMAND.validate_python),
}


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_a_message_of_any_release_is_accepted(name: str, data: st.DataObject) -> None:
    for version in RELEASED:
        body = data.draw(documents_of(version, name))
        Draft202012Validator(PRESENT[name]).validate(body)
        assert READERS[name](json.loads(json.dumps(body)))


@given(data=st.data())
def test_an_order_document_of_any_release_is_accepted(data: st.DataObject) -> None:
    for version in RELEASED:
        body = data.draw(documents_of(version, DOCUMENT))
        Draft202012Validator(PRESENT[DOCUMENT]).validate(body)
        parsed = read_payload(json.dumps(body).encode())
        assert parsed.refusal is None
        assert len(parsed.orders) == 1
