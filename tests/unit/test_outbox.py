"""The outbox: an order's events are published in their sequence, whoever decided them."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from models.checkpoint import Checkpoint, Outgoing
from models.messages import TopicPartition
from streams.outbox import Outbox
from tests.builders import an_event

SOURCE = TopicPartition("amazon.orders", 0)


class Storage:
    """Knows which events are in the outboxes of others."""

    def __init__(self, *elsewhere: tuple[str, int]) -> None:
        self.elsewhere = {*elsewhere}

    async def pending_in_other_outboxes(
        self, events: Collection[tuple[str, int]], _: object
    ) -> Collection[tuple[str, int]]:
        return self.elsewhere & {*events}

    async def trim_outbox(self, *_: object) -> None:
        pass


class Publisher:
    """Keeps the sequences of what is published, by order."""

    def __init__(self) -> None:
        self.published: list[tuple[str, int]] = []
        self.has_published = asyncio.Event()

    async def publish(self, outgoing: Sequence[Any], **_: object) -> None:
        self.published += [(event.key, event.sequence) for event in outgoing]
        self.has_published.set()


def events(*named: tuple[str, int]) -> list[Outgoing]:
    return [an_event(key=key, sequence=sequence) for key, sequence in named]


async def test_an_event_waits_for_its_predecessor_also_behind_an_earlier_one_of_its_own_order() -> (
    None
):
    """The first was left by a failed publication; the two between were decided elsewhere."""
    storage: Any = Storage(("us/1", 2), ("us/1", 3))
    publisher: Any = Publisher()
    outbox = Outbox([Checkpoint(SOURCE, 0)], storage, publisher, lambda _: None)
    outbox.add((), events(("us/1", 1), ("us/1", 4), ("us/1", 5), ("us/2", 1)))
    await outbox.publish()
    async with asyncio.timeout(30):
        await publisher.has_published.wait()
        assert publisher.published == [("us/1", 1), ("us/2", 1)]
        storage.elsewhere.clear()
        await outbox.settle()
    assert publisher.published[2:] == [("us/1", 4), ("us/1", 5)]
