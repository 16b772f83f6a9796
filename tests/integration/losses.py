"""The ways to lose a message that are shown on a broker: which messages, and what befalls them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from models.topics import TopicName


class Fate(Enum):
    """What befalls the work on a message."""

    FAILS = auto()
    HANGS = auto()


@dataclass(frozen=True, slots=True)
class Loss:
    """A topic's messages, each known by its offset, and what befalls some of them."""

    topic: TopicName
    offsets: tuple[int, ...]
    fates: Mapping[int, Fate]

    @property
    def never_done(self) -> set[int]:
        """The messages that were not worked on to their end."""
        return set(self.fates)


LOSSES: Mapping[str, Loss] = {
    "L1 exception": Loss(TopicName.ORDERS, (0, 1, 2), {1: Fate.FAILS}),
    "L2 cancellation": Loss(TopicName.BLOCKED, (0, 1), {1: Fate.HANGS}),
    "L3 take": Loss(TopicName.STORES, (0, 1, 2, 3, 4), dict.fromkeys(range(5), Fate.FAILS)),
    "L4 noack_take": Loss(TopicName.PRODUCTS, (0, 1, 2, 3, 4), dict.fromkeys(range(5), Fate.FAILS)),
    "L5 head": Loss(TopicName.LISTINGS, (0, 1, 2), {1: Fate.HANGS}),
    "L6 fresh group": Loss(TopicName.ORDER_UPDATES, (0, 1), {0: Fate.HANGS}),
    # Each two messages are a transaction, whose end has an offset of its own.
    "L7 gap": Loss(TopicName.COMMANDS, (0, 1, 3, 4), {3: Fate.HANGS}),
}
END = 99
"""The value of each topic's last message, which all are to come to. The others' is their offset."""


class Work:
    """Works on messages as their fates have it, and writes a diary."""

    def __init__(self, diary: Path, *, unharmed: bool) -> None:
        self._diary = diary
        self._names = {loss.topic: name for name, loss in LOSSES.items()}
        self._unharmed = unharmed

    async def do(self, topic: TopicName, offset: int) -> None:
        """Work on a message."""
        self._note(topic, offset, "begun")
        fate = LOSSES[self._names[topic]].fates.get(offset)
        if fate is not None and not self._unharmed:
            if fate is Fate.FAILS:
                raise RuntimeError("this message cannot be worked on")
            await asyncio.Event().wait()
        self._note(topic, offset, "done")

    def _note(self, topic: TopicName, offset: int, what: str) -> None:
        with self._diary.open("a") as file:
            file.write(f"{self._names[topic]}:{offset}:{what}\n")


def noted(diary: Path, what: str) -> set[tuple[str, int]]:
    """Give the losses' messages that a diary has as begun, or as done."""
    lines = diary.read_text().split("\n")[:-1] if diary.exists() else []
    entries = [line.split(":") for line in lines]
    return {(name, int(offset)) for name, offset, found in entries if found == what}
