"""Inspect a database without changing it: its server, its layout, its indexes, its permissions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from storage.documents.values import Document
from storage.mongo.buyer_data import KEYS_SUFFIX
from storage.mongo.driver import Client
from storage.mongo.errors import translate_errors
from storage.mongo.indexes import INDEXES, Index

_READ_WRITE = frozenset({"find", "insert", "update", "remove", "createIndex", "createCollection"})
"""What the program does in its databases; all of it is in MongoDB's role `readWrite`."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A MongoDB server: its version, its replica set if it is in one, and the time on its clock."""

    version: str
    replica_set: str | None
    at: datetime


class IndexState(StrEnum):
    """What is wrong with an index."""

    MISSING = "missing"
    DIFFERENT = "different"
    """It has the name of one of this program's indexes, and other options."""
    UNKNOWN = "unknown"
    """It is not one of this program's, and only costs time at each write."""


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """An index, as `collection.name`, that is not as this version needs it."""

    index: str
    state: IndexState


class MongoInspection:
    """Questions about a database. None of them writes.

    Raises:
        OrderImportError: From every method: MongoDB does not answer, or refuses.
    """

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = client[database]
        self._keys = client[database + KEYS_SUFFIX]

    async def server(self) -> ServerInfo:
        """Return what the server says about itself."""
        with translate_errors():
            hello = await self._client.admin.command("hello")
            build = await self._client.admin.command("buildInfo")
        # A command's reply has times without a zone; they are in UTC.
        at = hello["localTime"].replace(tzinfo=UTC)
        return ServerInfo(str(build["version"]), hello.get("setName"), at)

    async def layout(self) -> int | None:
        """Return the version of the stored layout; None if the database is empty."""
        with translate_errors():
            layout = await self._database.layout.find_one({"_id": "layout"})
        return None if layout is None else int(layout["version"])

    async def index_problems(self) -> Sequence[IndexProblem]:
        """Return the indexes that are missing, that differ, and that nothing uses."""
        problems: list[IndexProblem] = []
        with translate_errors():
            for database, of_keys in ((self._database, False), (self._keys, True)):
                collections = await database.list_collection_names()
                indexes = [index for index in INDEXES if index.of_keys is of_keys]
                for name in dict.fromkeys(index.collection for index in indexes):
                    existing = (
                        await database[name].index_information() if name in collections else {}
                    )
                    problems += _compare(name, existing)
        return problems

    async def missing_permissions(self) -> Sequence[str] | None:
        """Return the actions that the user lacks in one of the program's two databases.

        None if the server does not check users.
        """
        with translate_errors():
            status = await self._client.admin.command("connectionStatus", showPrivileges=True)
        info = status["authInfo"]
        if not info.get("authenticatedUsers"):
            return None
        missing: set[str] = set()
        for database in (self._database.name, self._keys.name):
            allowed = {
                action
                for privilege in info.get("authenticatedUserPrivileges", ())
                if _is_about(privilege["resource"], database)
                for action in privilege["actions"]
            }
            if "anyAction" not in allowed:
                missing |= _READ_WRITE - allowed
        return sorted(missing)


def _is_about(resource: Document, database: str) -> bool:
    if resource.get("anyResource"):
        return True
    # An empty name stands for any database, and for any collection.
    return resource.get("db") in {"", database} and resource.get("collection") == ""


def _compare(collection: str, existing: Mapping[str, Any]) -> list[IndexProblem]:
    problems = []
    needed = {_name(index): index for index in INDEXES if index.collection == collection}
    for name, index in needed.items():
        if name not in existing:
            problems.append(IndexProblem(f"{collection}.{name}", IndexState.MISSING))
        elif (index.unique, index.only or {}, index.expires) != _options_of(existing[name]):
            problems.append(IndexProblem(f"{collection}.{name}", IndexState.DIFFERENT))
    problems += [
        IndexProblem(f"{collection}.{name}", IndexState.UNKNOWN)
        for name in sorted(existing.keys() - needed.keys() - {"_id_"})
    ]
    return problems


def _name(index: Index) -> str:
    """Return the name that MongoDB gives the index by default."""
    return "_".join(f"{field}_{direction}" for field, direction in index.keys)


def _options_of(existing: Mapping[str, Any]) -> tuple[bool, Document, bool]:
    only = dict(existing.get("partialFilterExpression") or {})
    return bool(existing.get("unique")), only, "expireAfterSeconds" in existing
