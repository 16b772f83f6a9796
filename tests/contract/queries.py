"""Which index MongoDB can answer a query by: its rules, for the forms of query the storage sends.

The embedded server plans otherwise than MongoDB, so it is not asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from storage.mongo.indexes import INDEXES, Index

Document = dict[str, Any]
_BOUNDING = {
    "$eq",
    "$in",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$type",
    "$elemMatch",
    "$ne",
    "$nin",
    "$all",
}
_SILENT = {
    *("hello", "ping", "insert", "getMore", "endSessions", "killCursors", "killSessions"),
    *("commitTransaction", "abortTransaction", "createIndexes", "listIndexes", "listCollections"),
}
"""Commands that search for nothing by a query."""


class Query(NamedTuple):
    """What one command searches a collection for."""

    collection: str
    wanted: Document
    sort: tuple[tuple[str, int], ...] = ()
    limited: bool = False

    def __str__(self) -> str:
        tail = f" sorted by {self.sort}" if self.sort else ""
        return f"{self.collection}: {self.wanted}{tail}"


class Listening(CommandListener):
    """Keeps every query that goes to the server."""

    def __init__(self) -> None:
        self.heard: list[Query] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.heard += _queries(event.command_name, dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def indexes_for(query: Query, indexes: Sequence[Index] = INDEXES) -> list[Index]:
    """Give the indexes that bound what is read for a query; none means a collection scan."""
    there = [Index(query.collection, [("_id", 1)], "its id")]
    there += [index for index in indexes if index.collection == query.collection]
    if not query.wanted:
        # All of them, in an index's order, and no more than the first ones.
        first = query.sort[0][0] if query.sort and query.limited else None
        return [one for one in there if one.only is None and one.keys[0][0] == first]
    found: list[Index] = []
    for branch in _branches(query.wanted):
        usable = [one for one in there if _bounds(one, branch)]
        if not usable:
            return []  # one branch of an $or without an index makes a scan of all
        found += usable
    return found


def _bounds(index: Index, conditions: Sequence[tuple[str, Any]]) -> bool:
    first = index.keys[0][0]
    if not any(field == first and _is_bounding(value) for field, value in conditions):
        return False
    return all(
        any(field == name and _implies(value, only) for field, value in conditions)
        for name, only in (index.only or {}).items()
    )


def _is_bounding(value: Any) -> bool:
    if not _has_operators(value):
        return True
    regex = value.get("$regex")
    return bool(_BOUNDING & value.keys()) or (regex is not None and regex.startswith("^"))


def _implies(value: Any, only: Any) -> bool:
    """Say whether a condition makes sure of the one that limits an index."""
    if value == only:
        return True
    if only == {"$exists": True}:
        asked = value.get("$in", [1]) if _has_operators(value) else [value]
        return _is_bounding(value) and None not in asked
    return False


def _has_operators(value: Any) -> bool:
    return isinstance(value, dict) and any(str(key).startswith("$") for key in value)


def _branches(wanted: Document) -> Iterator[list[tuple[str, Any]]]:
    """Give the conditions that hold together, once for each branch of an `$or`."""
    plain = [(field, value) for field, value in wanted.items() if not field.startswith("$")]
    for field, value in wanted.items():
        if field == "$and":
            nested = [list(_branches(part)) for part in value]
            for choice in _choices(nested):
                plain_too = [*plain, *choice]
                yield plain_too
            return
    if "$or" in wanted:
        for part in wanted["$or"]:
            for branch in _branches(part):
                yield [*plain, *branch]
        # An index that the rest has is as good.
        return
    yield plain


def _choices(nested: Sequence[Sequence[list[tuple[str, Any]]]]) -> Iterator[list[tuple[str, Any]]]:
    if not nested:
        yield []
        return
    for first in nested[0]:
        for rest in _choices(nested[1:]):
            yield [*first, *rest]


def _queries(name: str, command: Document) -> Iterable[Query]:
    if name in _SILENT:
        return
    collection = command.get(name)
    match name:
        case "find":
            sort = tuple((command.get("sort") or {}).items())
            yield Query(str(collection), command["filter"], sort, bool(command.get("limit")))
        case "aggregate":
            yield _of_pipeline(str(collection), command["pipeline"])
        case "distinct" | "findAndModify":
            yield Query(str(collection), command["query"])
        case "update" | "delete":
            for one in command[f"{name}s"]:
                yield Query(str(collection), one["q"])
        case "bulkWrite":
            names = [one["ns"].partition(".")[2] for one in command["nsInfo"]]
            for one in command["ops"]:
                at = one.get("update", one.get("delete"))
                if at is not None:
                    yield Query(names[at], one["filter"])
        case _:
            raise AssertionError(f"{name}: not known here whether it searches")


def _of_pipeline(collection: str, handlers: Sequence[Document]) -> Query:
    if handlers and "$match" in handlers[0]:
        return Query(collection, handlers[0]["$match"])
    return Query(collection, {})
