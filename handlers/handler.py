"""The protocol of a handler: parse messages, then handle them inside one transaction."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from handlers.unit_of_work import UnitOfWork
from models.messages import Incoming
from storage.port import Transaction

Parsed = TypeVar("Parsed")


class Handler(Protocol[Parsed]):
    """What one agent does with a batch of messages."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[Parsed]:
        """Parse the messages without the database, one value for each, in order. Never raise."""

    def weight(self, parsed: Parsed) -> int:
        """Return how many orders a message may change: a transaction takes a limited number."""
        del parsed
        return 1

    def split(self, parsed: Parsed, weight: int) -> tuple[Parsed, Parsed] | None:
        """Return a part of a message with this weight, and the rest; None if it has no parts.

        The parts of a message are handled in order, each in a transaction of its own.
        """
        del parsed, weight
        return None

    async def handle(
        self, parsed: Sequence[Parsed], unit_of_work: UnitOfWork, transaction: Transaction
    ) -> None:
        """Read what is needed, decide, and add the decisions to the unit of work.

        The messages may come from several partitions. The same messages may be handled again.
        """
