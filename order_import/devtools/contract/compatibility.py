"""The compatibility of the contract: which changes would break those who rely on a released one.

A schema is compared as its writers and readers meet: whatever the writer's schema allows, the
reader's must allow. Only the keywords that our schemas use are understood; with any other, the
comparison fails rather than passes.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from models.buyer_data import ClaimedBuyer
from models.events import EVENT_TYPES
from order_import.devtools.contract.schemas import with_references

Schema = Mapping[str, Any]


class Compatibility(StrEnum):
    """Which schemas must fit each other, under the names that schema registries use."""

    BACKWARD = "BACKWARD_TRANSITIVE"
    """What a producer may send by any released schema is still accepted."""
    FULL = "FULL_TRANSITIVE"
    """Besides, what is sent now fits every released schema."""


_WRITTEN = frozenset([*(event.__name__ for event in EVENT_TYPES), ClaimedBuyer.__name__])

_ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "default"})
_LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems"), operator.le),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems"), operator.ge),
    **dict.fromkeys(("pattern", "format"), operator.eq),
}
"""When a reader's limit lets through whatever a writer's does."""
_COMPARED = frozenset({"type", "const", "enum", "properties", "required", "items", "propertyNames"})
_KNOWN = _ANNOTATIONS | _LIMITS.keys() | _COMPARED


def compatibility_of(name: str) -> Compatibility:
    """Return the promise for a message: in full if others read it, else that it is accepted."""
    return Compatibility.FULL if name in _WRITTEN else Compatibility.BACKWARD


def find_breaks(released: Mapping[str, Schema], present: Mapping[str, Schema]) -> list[str]:
    """Return what breaks a released set of schemas, each as `Message.field: what`.

    The schemas, released and present, are by the names of their messages.
    """
    breaks: list[str] = []
    for name, schema in released.items():
        if name not in present:
            breaks.append(f"{name}: message removed")
            continue
        old, new = _resolve(schema), _resolve(present[name])
        breaks += _fields_changed(dict(_fields(old, name)), dict(_fields(new, name)))
        breaks += (f"{it}, in old messages" for it in _refused(new, old, name))
        if compatibility_of(name) is Compatibility.FULL:
            breaks += (f"{it}, in new messages" for it in _refused(old, new, name))
    return list(dict.fromkeys(breaks))


def _resolve(root: Schema) -> Schema:
    plain = {key: part for key, part in root.items() if key != "$defs"}
    resolved: Schema = with_references(plain, root.get("$defs", {}))
    return resolved


def _fields(schema: Schema, at: str) -> Iterator[tuple[str, Schema]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{at}.{name}", field
        yield from _fields(field, f"{at}.{name}")
    if "items" in schema:
        yield from _fields(schema["items"], f"{at}[]")
    for option in schema.get("anyOf", ()):
        yield from _fields(option, at)


def _fields_changed(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> Iterator[str]:
    """Return what is no mismatch of schemas, but changes what a message means."""
    for path, field in old.items():
        if path not in new:
            yield f"{path}: field removed"
        elif "default" in field and field["default"] != new[path].get("default", field["default"]):
            yield f"{path}: default {field['default']!r} became {new[path]['default']!r}"


def _refused(reader: Schema, writer: Schema, at: str) -> Iterator[str]:
    """Return what a writer may send that a reader does not expect."""
    options = _alternatives(reader)
    for sent in _alternatives(writer):
        of_type = [option for option in options if _has_type(option, sent)]
        mismatches = [list(_mismatches(option, sent, at)) for option in of_type]
        if not of_type:
            expected = " or ".join(option["type"] for option in options)
            yield f"{at}: expected {expected}, may be {sent.get('type', 'anything')}"
        elif all(mismatches):
            yield from min(mismatches, key=len)


def _alternatives(schema: Schema) -> list[Schema]:
    """Return the schemas without `anyOf` of which a value has to fit one."""
    if "anyOf" not in schema:
        return [schema]
    common = {name: value for name, value in schema.items() if name != "anyOf"}
    required = common.get("required", [])
    return [
        {**common, **option, "required": [*required, *option.get("required", [])]}
        for branch in schema["anyOf"]
        for option in _alternatives(branch)
    ]


def _has_type(reader: Schema, writer: Schema) -> bool:
    expected, sent = reader.get("type"), writer.get("type")
    return expected in (None, sent) or (expected, sent) == ("number", "integer")


def _mismatches(reader: Schema, writer: Schema, at: str) -> Iterator[str]:
    if unknown := (reader.keys() | writer.keys()) - _KNOWN:
        yield f"{at}: {', '.join(sorted(unknown))} cannot be compared"
    yield from _values_refused(reader, writer, at)
    for name, is_as_wide in _LIMITS.items():
        if name in reader and not (name in writer and is_as_wide(reader[name], writer[name])):
            yield f"{at}: expected {name} {reader[name]}, may be {writer.get(name, 'any')}"
    for name in sorted(_refused_names(reader) - _refused_names(writer)):
        yield f"{at}.{name}: refused, may be sent"
    for name in reader.get("required", ()):
        if name not in writer.get("required", ()):
            yield f"{at}.{name}: required, may be missing"
    fields = writer.get("properties", {})
    for name, field in reader.get("properties", {}).items():
        if name in fields:
            yield from _refused(field, fields[name], f"{at}.{name}")
    if "items" in reader:
        yield from _refused(reader["items"], writer.get("items", {}), f"{at}[]")


def _values_refused(reader: Schema, writer: Schema, at: str) -> Iterator[str]:
    expected, sent = _values(reader), _values(writer)
    if expected is None:
        return
    if sent is None:
        yield f"{at}: expected one of {', '.join(map(str, expected))}, may be any"
        return
    for value in sent:
        if value not in expected:
            yield f"{at}: expected one of {', '.join(map(str, expected))}, may be {value}"


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _refused_names(schema: Schema) -> set[str]:
    """Return the names that no field may have, in the one form that our schemas use."""
    match schema.get("propertyNames"):
        case None:
            return set()
        case {"not": {"enum": list(names)}}:
            return set(names)
        case other:
            return {f"<{other}>"}
