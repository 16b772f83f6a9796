"""MongoDB's answers that a test with a server cannot ask for: see also tests/integration."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Self

import pytest

from order_import_client import CommerceOrderCreated, Event, MongoStore, Once
from order_import_client.testing import make_event


class DriverError(Exception):
    """An error of the driver, with a label."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label

    def has_error_label(self, label: str) -> bool:
        return label == self.label


class Collection:
    """One document, and a session whose commits answer as they are told to."""

    def __init__(self, *answers: tuple[str, bool]) -> None:
        self.database = SimpleNamespace(client=self)
        self.stored: Any = None
        self.answers = [*answers]

    def start_session(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    async def with_transaction(self, work: Callable[[Self], Awaitable[bool]]) -> bool:
        before = self.stored
        result = await work(self)
        if self.answers:
            label, is_committed = self.answers.pop(0)
            if not is_committed:
                self.stored = before
            raise DriverError(label)
        return result

    async def find_one(self, _: object, *, session: object) -> Any:
        assert session is self
        return self.stored

    async def replace_one(
        self, _: object, document: object, *, upsert: bool, session: object
    ) -> None:
        assert upsert
        assert session is self
        self.stored = document


async def handle(collection: Collection) -> int:
    """Handle an event, and return how often the handler ran."""
    ran: list[Event] = []

    async def save(event: Event, session: Collection) -> None:
        assert session is collection
        ran.append(event)

    await Once(MongoStore(collection), save)(make_event(CommerceOrderCreated))
    assert collection.stored == {"first": 1, "last": 1}
    return len(ran)


async def test_a_collision_at_the_commit_repeats_the_transaction() -> None:
    """Motor raises it: its `with_transaction` commits where it does not look for errors."""
    assert await handle(Collection(("TransientTransactionError", False))) == 2


async def test_a_commit_without_an_answer_is_looked_up() -> None:
    assert await handle(Collection(("UnknownTransactionCommitResult", True))) == 1
    assert await handle(Collection(("UnknownTransactionCommitResult", False))) == 2


async def test_any_other_error_is_raised() -> None:
    with pytest.raises(DriverError, match="NotWritable"):
        await handle(Collection(("NotWritable", False)))
