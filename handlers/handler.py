"""What a stage is: it reads messages, then decides them inside one transaction."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from handlers.unit_of_work import UnitOfWork
from models.messages import Incoming
from storage.port import Transaction

Parsed = TypeVar("Parsed")


class Handler(Protocol[Parsed]):
    """One agent's work on a batch."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[Parsed]:
        """Make of the bytes what can be made of them without the database. Never raises.

        Returns:
            One value for each message, in their order.
        """
        ...

    def weight(self, parsed: Parsed) -> int:
        """Return how many orders a message may change: one transaction takes only so many."""
        del parsed
        return 1

    def split(self, parsed: Parsed, weight: int) -> tuple[Parsed, Parsed] | None:
        """Return a part of a message that weighs so much, and the rest; None if it has no parts.

        The parts of a message are decided in their order, each in a transaction of its own.
        """
        del parsed, weight
        return None

    async def handle(
        self, parsed: Sequence[Parsed], unit_of_work: UnitOfWork, transaction: Transaction
    ) -> None:
        """Gather, decide, and put the decisions on the page.

        What was read may be of several partitions. It may run more than once for the same.
        """
        ...
