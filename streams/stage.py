"""What a stage is: it reads messages, then decides them inside one transaction."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from storage.port import Transaction
from streams.messages import Incoming
from streams.page import UnitOfWork

Read = TypeVar("Read")


class Stage(Protocol[Read]):
    """One agent's work on a batch."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[Read]:
        """Make of the bytes what can be made of them without the database. Never raises.

        Returns:
            One value for each message, in their order.
        """
        ...

    def weight(self, read: Read) -> int:
        """Return how many orders a message may change: one transaction takes only so many."""
        del read
        return 1

    def split(self, read: Read, weight: int) -> tuple[Read, Read] | None:
        """Return a part of a message that weighs so much, and the rest; None if it has no parts.

        The parts of a message are decided in their order, each in a transaction of its own.
        """
        del read, weight
        return None

    async def decide(
        self, read: Sequence[Read], page: UnitOfWork, transaction: Transaction
    ) -> None:
        """Gather, decide, and put the decisions on the page.

        What was read may be of several partitions. It may run more than once for the same.
        """
        ...
