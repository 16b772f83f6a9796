"""The processor: batches decided in their order, each once, and published in the order of
decision."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models.checkpoint import Checkpoint, OffsetReset, Outgoing
from models.dead_letters import DeadLetter
from models.errors import DuplicateKey, Fenced, StorageUnavailable, TransactionTooLarge
from models.events import Event
from models.messages import (
    CommandMessage,
    DeadLetterCode,
    Incoming,
    MessageRef,
    Rejection,
    TopicPartition,
)
from storage import retry
from storage.port import Transaction
from streams import processor as processor_module
from streams.batch import Batch
from streams.processor import TopicProcessor
from tests.builders import NOW, a_command, a_dead_letter, a_message
from tests.fakes.memory import MemoryStorage
from tests.waiting import PATIENCE

SOURCE = TopicPartition("amazon.orders", 0)


class Decided(Handler[Incoming]):
    """A stage that tells each message's offset; `{}` weighs 1, and each further byte 1 more."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.together: list[list[int]] = []
        self.too_many = 1_000_000
        self.there_already: set[int] = set()
        """Offsets of messages that would store what is stored."""

    def parse(self, messages: Sequence[Incoming]) -> list[Incoming]:
        self.batches.append([message.offset for message in messages])
        return list(messages)

    @override
    def weight(self, parsed: Incoming) -> int:
        return len(parsed.value or b"") - 1

    async def handle(
        self, parsed: Sequence[Incoming], unit_of_work: UnitOfWork, transaction: Transaction
    ) -> None:
        del transaction
        if len(parsed) > self.too_many:
            raise TransactionTooLarge("388")
        if self.there_already & {message.offset for message in parsed}:
            raise DuplicateKey("events", "one")
        self.together.append([message.offset for message in parsed])
        unit_of_work.outgoing += [a_command(str(message.offset)) for message in parsed]


class Paper:
    """A publisher that remembers, and waits until `open` is set."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.resumed: list[Outgoing] = []
        self.open = asyncio.Event()
        self.open.set()

    async def publish(self, outgoing: Sequence[Outgoing], *, resumed: bool = False) -> None:
        await self.open.wait()
        self.sent += outgoing
        self.resumed += outgoing if resumed else ()

    @property
    def keys(self) -> list[str]:
        return [one.key for one in self.sent if isinstance(one, CommandMessage)]


class Silent(MemoryStorage):
    """Commits, and does not say so, as often as `unanswered` says; or does not even commit."""

    def __init__(self, *, unanswered: int = 0, unreached: int = 0) -> None:
        super().__init__()
        self.unanswered = unanswered
        self.unreached = unreached

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[Any]], source: TopicPartition | None = None
    ) -> Any:
        if self.unreached:
            self.unreached -= 1
            raise StorageUnavailable("no answer")
        result = await super().transact(work, source)
        if self.unanswered:
            self.unanswered -= 1
            raise StorageUnavailable("no answer")
        return result


async def until(happened: Callable[[], bool]) -> None:
    """Let others work until something has happened."""
    while not happened():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0)


class Kit:
    """A processor with all it needs."""

    def __init__(
        self,
        part: MemoryStorage | Handler[Any] | None = None,
        checkpoint: Any = None,
        **options: Any,
    ) -> None:
        self.storage = part if isinstance(part, MemoryStorage) else MemoryStorage()
        handler: Any = part
        self.handler: Any = handler if isinstance(part, Pages) else Decided()
        self.paper = Paper()
        publisher: Any = self.paper
        start = checkpoint or Checkpoint(SOURCE, 0)
        if start.committed_offset or start.outbox:
            self.storage.contents.checkpoints[SOURCE] = start
        self.processor = TopicProcessor(
            [start], self.handler, self.storage, publisher, lambda: NOW, **options
        )

    async def run(self, *batches: Batch) -> None:
        """Work these batches off, and then drain."""
        running = asyncio.create_task(self.processor.run())
        for batch in batches:
            self.processor.enqueue(SOURCE, batch)
        await until(lambda: not self.processor._waiting or running.done())
        self.processor.drain()
        await running

    @property
    def stored_to(self) -> int:
        return self.storage.contents.checkpoints.get(SOURCE, Checkpoint(SOURCE, 0)).committed_offset

    def stands_at(self, offset: int) -> bool:
        """Say whether all before an offset is decided and known to be published."""
        return (self.stored.committed_offset, self.stored.outbox) == (offset, ())

    @property
    def stored(self) -> Checkpoint:
        return self.storage.contents.checkpoints[SOURCE]


def a_batch(start: int, end: int, first: int | None = None) -> Batch:
    messages = [a_message({}, offset=one) for one in range(first or start, end)]
    return Batch(start, messages, end)


def named(*offsets: int) -> list[str]:
    return [str(offset) for offset in offsets]


async def test_batches_are_decided_and_published_in_their_order() -> None:
    kit = Kit()
    await kit.run(a_batch(0, 3), a_batch(3, 4), a_batch(4, 6))
    assert kit.handler.batches == [[0, 1, 2], [3], [4, 5]]
    assert kit.paper.keys == named(0, 1, 2, 3, 4, 5)
    assert kit.stands_at(6)
    assert kit.processor.published_offset[SOURCE] == 6


async def test_offsets_that_are_missing_in_the_log_are_passed_over() -> None:
    kit = Kit()
    await kit.run(a_batch(0, 2), a_batch(2, 6, first=4))
    assert kit.handler.batches == [[0, 1], [4, 5]]
    assert kit.stored.committed_offset == 6


async def test_what_holds_no_message_moves_the_position_all_the_same() -> None:
    """Marks of transactions, and messages of aborted ones: else the last would look undecided."""
    kit = Kit()
    await kit.run(Batch(0, [], 3), a_batch(3, 4), Batch(4, a_batch(4, 5).messages, 9))
    assert kit.handler.batches == [[], [3], [4]]
    assert kit.stands_at(9)
    end = Kit()
    await end.run(Batch(0, [], 3))
    assert end.stands_at(3)


async def test_what_kafka_deleted_unread_is_noted_with_the_position_that_passes_it() -> None:
    kit = Kit(checkpoint=Checkpoint(SOURCE, 4))
    with capture_logs() as logs:
        await kit.run(Batch(2, a_batch(9, 10).messages, 10, deleted_to=9))
    assert kit.handler.batches == [[9]]
    assert kit.stands_at(10)
    (reset,) = kit.storage.contents.offset_resets.values()
    assert reset == OffsetReset(SOURCE, 4, 9, NOW)
    (line,) = [one for one in logs if one["event"] == "checkpoint-outside-log"]
    assert (line["lost"], line["expected"], line["found"]) == (5, 4, 9)


def unreadable(offset: int, last_offset: int) -> Incoming:
    refusal = Rejection(code=DeadLetterCode.UNREADABLE, message="batch: expected another")
    return Incoming(*SOURCE, offset, 0, None, b"raw", (), 100, last_offset, refusal)


@pytest.mark.parametrize("max_weight", [1000, 1])
async def test_what_cannot_be_read_becomes_a_dead_letter_in_its_place(max_weight: int) -> None:
    kit = Kit(max_weight=max_weight)
    (before,), (after,) = a_batch(1, 2).messages, a_batch(5, 6).messages
    await kit.run(Batch(0, [unreadable(0, 0), before, unreadable(2, 4), after], 6))
    assert [one.offset if isinstance(one, DeadLetter) else one for one in kit.paper.sent] == (
        [0, 2, *map(a_command, named(1, 5))] if max_weight > 1 else
        [0, a_command("1"), 2, a_command("5")]
    )  # fmt: skip
    dead_letters = kit.storage.contents.dead_letters.values()
    assert [(one.offset, one.last_offset, one.value) for one in dead_letters] == [
        (0, None, b"raw"),
        (2, 4, b"raw"),
    ]
    assert kit.stands_at(6)


async def test_what_could_not_be_read_and_is_decided_already_is_left_out() -> None:
    kit = Kit(checkpoint=Checkpoint(SOURCE, 4))
    await kit.run(Batch(0, [unreadable(0, 3), unreadable(4, 4)], 5))
    assert [one.offset for one in kit.storage.contents.dead_letters.values()] == [4]


async def test_a_batch_from_beyond_the_position_is_dropped() -> None:
    kit = Kit()
    await kit.run(a_batch(5, 7), a_batch(0, 2))
    assert kit.handler.batches == [[0, 1]]
    assert kit.stored.committed_offset == 2


async def test_messages_that_are_decided_already_are_left_out() -> None:
    kit = Kit(checkpoint=Checkpoint(SOURCE, 4))
    await kit.run(a_batch(0, 3), a_batch(2, 6))
    assert kit.handler.batches == [[4, 5]]
    assert kit.paper.keys == named(4, 5)


async def test_what_an_earlier_owner_left_goes_out_first_and_is_looked_for() -> None:
    left = (a_command("left"), a_dead_letter())
    kit = Kit(checkpoint=Checkpoint(SOURCE, 4, left))
    assert kit.processor.published_offset[SOURCE] == 0
    await kit.run(a_batch(4, 5))
    assert kit.paper.sent == [*left, a_command("4")]
    assert kit.paper.resumed == [*left]
    assert kit.stands_at(5)


async def test_what_is_not_out_yet_stays_in_the_outbox() -> None:
    kit = Kit()
    kit.paper.open.clear()
    running = asyncio.create_task(kit.processor.run())
    kit.processor.enqueue(SOURCE, a_batch(0, 2))
    kit.processor.enqueue(SOURCE, a_batch(2, 3))
    await until(lambda: not (kit.stored_to < 3))
    assert kit.stored.outbox == (a_command("0"), a_command("1"), a_command("2"))
    assert kit.processor.published_offset[SOURCE] == 0
    kit.paper.open.set()
    kit.processor.drain()
    await running
    assert kit.paper.keys == named(0, 1, 2)
    assert kit.stands_at(3)


async def test_a_quiet_lane_records_that_all_is_out() -> None:
    kit = Kit()
    running = asyncio.create_task(kit.processor.run())
    kit.processor.enqueue(SOURCE, a_batch(0, 2))
    await until(lambda: not (kit.stored_to < 2 or kit.stored.outbox))
    kit.processor.drain()
    await running
    assert kit.stands_at(2)


async def test_a_commit_without_an_answer_is_decided_once_and_published() -> None:
    kit = Kit(Silent(unanswered=1))
    await kit.run(a_batch(0, 2), a_batch(2, 3))
    assert kit.handler.batches == [[0, 1], [2]]
    assert kit.paper.keys == named(0, 1, 2)
    assert kit.stands_at(3)


class Trailing(Silent):
    """Commits without an answer; its reads show it only after so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__(unanswered=1)
        self.looks = looks
        self._shown = Checkpoint(SOURCE, 0)

    @override
    async def checkpoint(self, source: TopicPartition) -> Checkpoint:
        stored = await super().checkpoint(source)
        if stored.version == 1 and self.looks:
            self.looks -= 1
            return self._shown
        return stored


async def test_a_commit_that_a_majority_sees_only_later_is_decided_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "_outage_pause", lambda _: 0)
    kit = Kit(Trailing(3))
    running = asyncio.create_task(kit.processor.run())
    kit.processor.enqueue(SOURCE, a_batch(0, 2))
    await until(lambda: bool(kit.paper.sent) or running.done())
    kit.processor.drain()
    await running
    assert kit.paper.keys == named(0, 1)
    assert kit.stands_at(2)


async def test_one_that_is_never_seen_is_a_lost_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_outage_pause", lambda _: 0)
    kit = Kit(Trailing(1000))
    running = asyncio.create_task(kit.processor.run())
    kit.processor.enqueue(SOURCE, a_batch(0, 2))
    with pytest.raises(Fenced):
        await running
    assert kit.paper.sent == []


async def test_a_database_that_was_not_reached_is_asked_again() -> None:
    kit = Kit(Silent(unreached=1))
    await kit.run(a_batch(0, 2))
    assert kit.paper.keys == named(0, 1)
    assert kit.stands_at(2)


async def test_a_transaction_takes_only_so_much_and_moves_the_position_to_its_end() -> None:
    kit = Kit(max_weight=4)
    heavy = [a_message(b"x" * size, offset=n) for n, size in enumerate((2, 3, 3, 9, 2, 2))]
    await kit.run(Batch(0, heavy, len(heavy)))
    assert kit.handler.together == [[0, 1], [2], [3], [4, 5]]
    assert kit.paper.keys == named(0, 1, 2, 3, 4, 5)
    assert kit.stands_at(6)


async def test_a_transaction_takes_only_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor_module, "MAX_BATCH_BYTES", 4)
    kit = Kit()
    await kit.run(a_batch(0, 5))
    assert kit.handler.together == [[0, 1], [2, 3], [4]]


async def test_one_message_that_is_too_large_is_given_up_with_its_partition() -> None:
    """There is no half of it to decide: the next owner tries it again."""
    kit = Kit()
    kit.handler.too_many = 0
    await kit.run(a_batch(0, 1))
    assert kit.stored_to == 0
    assert not kit.paper.sent


async def test_what_is_too_large_for_a_transaction_is_decided_in_halves() -> None:
    """A server refuses what outgrows its cache or a document: the same again would be refused."""
    kit = Kit()
    kit.handler.too_many = 3
    await kit.run(a_batch(0, 11))
    assert [len(one) for one in kit.handler.together] == [2, 3, 3, 3]
    assert kit.paper.keys == named(*range(11))
    assert kit.stands_at(11)


async def test_after_a_slow_transaction_the_next_ones_take_half_as_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processor_module, "SLOW_SECONDS", -1)
    kit = Kit(max_weight=8)
    await kit.run(a_batch(0, 15))
    assert [len(one) for one in kit.handler.together] == [8, 4, 2, 1]


async def test_draining_finishes_the_batch_at_hand_and_drops_those_that_wait() -> None:
    kit = Kit()
    kit.paper.open.clear()
    running = asyncio.create_task(kit.processor.run())
    for start in range(2):
        kit.processor.enqueue(SOURCE, a_batch(start, start + 1))
        await until(lambda at=start: kit.stored_to > at)  # type: ignore[misc]
    kit.processor.enqueue(SOURCE, a_batch(2, 3))
    kit.processor.drain()
    kit.processor.enqueue(SOURCE, a_batch(3, 4))
    kit.paper.open.set()
    await running
    assert kit.paper.keys == named(0, 1)
    assert kit.stands_at(2)


async def test_what_waits_of_several_partitions_is_decided_in_one_transaction() -> None:
    kit, other = Kit(), TopicPartition(SOURCE.topic, 1)
    processor = TopicProcessor(
        [Checkpoint(SOURCE, 0), Checkpoint(other, 5, (a_command("left"),))],
        kit.handler,
        kit.storage,
        kit.paper,  # type: ignore[arg-type]
        lambda: NOW,
    )
    kit.storage.contents.checkpoints[other] = Checkpoint(other, 5, (a_command("left"),))
    kit.paper.open.clear()
    for source, batch in ((SOURCE, a_batch(0, 2)), (other, a_batch(5, 6)), (SOURCE, a_batch(2, 3))):
        processor.enqueue(source, batch)
    running = asyncio.create_task(processor.run())
    await until(lambda: kit.stored_to == 3)
    both = kit.storage.contents.checkpoints
    assert [(one.committed_offset, one.version) for one in both.values()] == [(6, 1), (3, 1)]
    # One of them keeps what is to go out, so that it is told once whoever takes them up.
    assert [len(one.outbox) for one in both.values()] == [0, 5]
    kit.paper.open.set()
    processor.drain()
    await running
    assert kit.paper.keys == ["left", *named(0, 1, 5, 2)]
    assert [one.outbox for one in both.values()] == [(), ()]


async def test_no_more_is_decided_at_once_than_a_transaction_should_hold() -> None:
    kit = Kit(max_weight=10)
    assert kit.processor.has_room
    for start, end in ((0, 9), (9, 10), (10, 11)):
        kit.processor.enqueue(SOURCE, a_batch(start, end))
    assert not kit.processor.has_room
    running = asyncio.create_task(kit.processor.run())
    await until(lambda: kit.stored_to == 11)
    kit.processor.drain()
    await running
    assert kit.stored.version == 2


async def test_what_waits_of_all_partitions_together_is_no_more_than_is_decided_at_once() -> None:
    """Else many partitions would fill the memory while a backlog waits."""
    kit = Kit()
    other = TopicPartition(SOURCE.topic, 1)
    processor = TopicProcessor(
        [Checkpoint(SOURCE, 0), Checkpoint(other, 0)],
        kit.handler,
        kit.storage,
        kit.paper,  # type: ignore[arg-type]
        lambda: NOW,
        max_weight=10,
    )
    processor.enqueue(SOURCE, a_batch(0, 5))
    assert processor.has_room
    processor.enqueue(other, a_batch(0, 5))
    assert not processor.has_room


async def test_draining_gives_up_a_batch_that_cannot_be_stored() -> None:
    storage = Silent(unreached=1_000_000)
    kit = Kit(storage)
    running = asyncio.create_task(kit.processor.run())
    kit.processor.enqueue(SOURCE, a_batch(0, 2))
    await until(lambda: storage.unreached < 1_000_000)
    kit.processor.drain()
    await asyncio.wait_for(running, PATIENCE)
    assert kit.stored_to == 0
    assert kit.paper.sent == []


async def test_an_owner_whose_position_was_moved_stops_and_publishes_nothing() -> None:
    kit = Kit()
    kit.storage.contents.checkpoints[SOURCE] = Checkpoint(SOURCE, 7, epoch=1)
    with pytest.raises(Fenced):
        await kit.run(a_batch(0, 2))
    assert kit.paper.sent == []
    assert kit.stands_at(7)


def an_event(sequence: int, key: str = "us/1") -> Event:
    return Event(
        event_id=f"{key} {sequence}",
        event_type="CommerceOrderStatusChanged",
        topic="commerce.orders",
        key=key,
        sequence=sequence,
        occurred_at=NOW,
        cause=MessageRef(SOURCE.topic, 0, sequence),
        body=b"{}",
    )


OTHER = TopicPartition("order-import.commands", 1)


async def test_an_event_waits_for_the_one_before_that_another_partition_publishes() -> None:
    kit = Kit(checkpoint=Checkpoint(SOURCE, 1, (an_event(2), an_event(3))))
    kit.storage.contents.checkpoints[OTHER] = Checkpoint(OTHER, 1, (an_event(1),))
    running = asyncio.create_task(kit.processor.run())
    kit.processor.enqueue(SOURCE, a_batch(1, 2))
    await until(lambda: kit.stored_to == 2)
    assert kit.paper.sent == []
    kit.storage.contents.checkpoints[OTHER] = Checkpoint(OTHER, 1)
    await until(lambda: len(kit.paper.sent) == 3)
    kit.processor.drain()
    await running
    assert kit.paper.sent[:2] == [an_event(2), an_event(3)]
    assert kit.stored.outbox == ()


async def test_what_waits_for_another_partition_is_left_to_the_next_owner() -> None:
    kit = Kit(checkpoint=Checkpoint(SOURCE, 1, (an_event(2),)))
    kit.storage.contents.checkpoints[OTHER] = Checkpoint(OTHER, 1, (an_event(1),))
    running = asyncio.create_task(kit.processor.run())
    kit.processor.enqueue(SOURCE, a_batch(1, 2))
    await until(lambda: kit.stored_to == 2)
    kit.processor.drain()
    await running
    assert kit.paper.sent == [a_command("1")]
    assert kit.stored.outbox == (an_event(2),)


async def test_two_partitions_that_wait_for_each_other_both_go_on() -> None:
    storage, paper = MemoryStorage(), Paper()
    publisher: Any = paper
    # Each has the first event of one order, and the second of the other one.
    left = {
        SOURCE: (an_event(1, "us/1"), an_event(2, "us/2")),
        OTHER: (an_event(2, "us/1"), an_event(1, "us/2")),
    }
    running = []
    for source, outbox in left.items():
        storage.contents.checkpoints[source] = checkpoint = Checkpoint(source, 1, outbox)
        processor = TopicProcessor([checkpoint], Decided(), storage, publisher, lambda: NOW)
        running.append((processor, asyncio.create_task(processor.run())))
    await until(lambda: len(paper.sent) == 4)
    for processor, task in running:
        processor.drain()
        await task
    for key in ("us/1", "us/2"):
        assert [
            one.sequence for one in paper.sent if isinstance(one, Event) and one.key == key
        ] == [1, 2]
    assert [checkpoint.outbox for checkpoint in storage.contents.checkpoints.values()] == [(), ()]


async def test_an_idle_owner_ends_when_another_took_its_partition_up_before_it_was_recorded() -> (
    None
):
    """It went on for ever with its events recorded as still to go out."""
    storage = MemoryStorage()
    paper: Any = Paper()
    processor = TopicProcessor(
        await storage.claim([SOURCE]), Decided(), storage, paper, lambda: NOW
    )
    processor.enqueue(SOURCE, Batch(0, [a_message(b"{}", offset=0)], 1))
    running = asyncio.create_task(processor.run())
    await asyncio.sleep(0)  # decided and published, and not recorded yet
    assert (await storage.claim([SOURCE]))[0].outbox
    with pytest.raises(Fenced):
        await asyncio.wait_for(running, PATIENCE)


class Pages(Handler[tuple[Incoming, str]]):
    """A stage whose messages are of many orders, one a letter; it refuses an `x`."""

    def __init__(self) -> None:
        self.decided: list[str] = []
        self.too_many = 1_000_000
        self.there_already = ""

    def parse(self, messages: Sequence[Incoming]) -> list[tuple[Incoming, str]]:
        return [(one, (one.value or b"").decode()) for one in messages]

    @override
    def weight(self, parsed: tuple[Incoming, str]) -> int:
        return len(parsed[1])

    @override
    def split(
        self, parsed: tuple[Incoming, str], weight: int
    ) -> tuple[tuple[Incoming, str], tuple[Incoming, str]]:
        message, dead_letters = parsed
        return (message, dead_letters[:weight]), (message, dead_letters[weight:])

    async def handle(
        self,
        parsed: Sequence[tuple[Incoming, str]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        del transaction
        dead_letters = "".join(dead_letters for _, dead_letters in parsed)
        if len(dead_letters) > self.too_many:
            raise TransactionTooLarge("388")
        if set(dead_letters) & set(self.there_already):
            raise DuplicateKey("events", "one")
        self.decided.append(dead_letters)
        unit_of_work.outgoing += [
            a_command(dead_letter) for dead_letter in dead_letters if dead_letter != "x"
        ]
        for message, some in parsed:
            if "x" in some:
                unit_of_work.dead_letter(
                    message, Rejection(code=DeadLetterCode.UNKNOWN_STORE, message="x")
                )


def pages(*values: str, start: int = 0) -> Batch:
    messages = [a_message(one.encode(), offset=start + n) for n, one in enumerate(values)]
    return Batch(start, messages, start + len(values))


def dead_letters_of(kit: Kit) -> int:
    return len([one for one in kit.paper.sent if isinstance(one, DeadLetter)])


async def test_a_message_of_many_orders_is_decided_in_parts() -> None:
    kit = Kit(Pages(), max_weight=4)
    await kit.run(pages("ab", "cdefghijkl", "m"))
    assert kit.handler.decided == ["ab", "cdef", "ghij", "kl" + "m"]
    assert kit.paper.keys == list("abcdefghijklm")
    assert kit.stands_at(3)
    assert (kit.stored.version, kit.stored.part) == (4, 0)


async def test_the_next_owner_goes_on_in_the_middle_of_a_message() -> None:
    kit = Kit(Pages(), checkpoint=Checkpoint(SOURCE, 1, part=3), max_weight=4)
    await kit.run(pages("ab", "cdefghijkl", "m"))
    assert kit.handler.decided == ["fghi", "jkl" + "m"]
    assert kit.stands_at(3)


async def test_an_owner_that_ends_within_a_message_says_where() -> None:
    kit = Kit(Pages(), max_weight=4)
    running = asyncio.create_task(kit.processor.run())
    kit.paper.open.clear()
    kit.processor.enqueue(SOURCE, pages("ab", "cdefghijkl"))
    await until(lambda: kit.stored_to == 1 and kit.stored.part == 4)
    kit.processor.drain()
    kit.paper.open.set()
    await running
    assert (kit.stored.committed_offset, kit.stored.part) == (1, 4)
    assert kit.processor.published_offset[SOURCE] == 1
    other = Kit(Pages(), checkpoint=kit.stored)
    await other.run(pages("cdefghijkl", start=1))
    assert [*kit.handler.decided, *other.handler.decided] == ["ab", "cdef", "ghijkl"]


@pytest.mark.parametrize("at", [0, 2])
async def test_a_message_decided_in_parts_has_one_dead_letter(at: int) -> None:
    kit = Kit(Pages(), max_weight=2)
    message = list("abcdefgh")
    message[at] = message[5] = message[7] = "x"
    await kit.run(pages("".join(message), "y"))
    assert dead_letters_of(kit) == len(kit.storage.contents.dead_letters) == 1
    assert kit.stands_at(2)
    assert not kit.stored.part_refused


async def test_the_next_owner_knows_that_a_message_has_its_dead_letter() -> None:
    kit = Kit(Pages(), checkpoint=Checkpoint(SOURCE, 0, part=2, part_refused=True))
    await kit.run(pages("axbxc", "x"))
    assert kit.handler.decided == ["bxcx"]
    assert [one.offset for one in kit.paper.sent if isinstance(one, DeadLetter)] == [1]


async def test_a_part_that_is_too_large_is_decided_in_halves() -> None:
    kit = Kit(Pages())
    kit.handler.too_many = 3
    await kit.run(pages("abcdefghijk"))
    assert "".join(kit.handler.decided) == "abcdefghijk"
    assert max(map(len, kit.handler.decided)) <= 3
    assert kit.stands_at(1)


async def test_a_key_that_is_there_already_is_met_by_deciding_again() -> None:
    """What was remembered may have been wrong: the second time all is read."""
    kit = Kit()
    kit.handler.there_already = {1}
    decide = kit.handler.handle

    async def once(parsed: Any, unit_of_work: UnitOfWork, transaction: Transaction) -> None:
        try:
            await decide(parsed, unit_of_work, transaction)
        finally:
            kit.handler.there_already = set()

    kit.handler.handle = once
    await kit.run(a_batch(0, 4))
    assert kit.handler.together == [[0, 1, 2, 3]]
    assert kit.paper.keys == named(0, 1, 2, 3)


async def test_the_message_whose_key_is_there_already_is_refused_and_no_other() -> None:
    kit = Kit()
    kit.handler.there_already = {3, 6}
    await kit.run(a_batch(0, 9))
    assert kit.paper.keys == named(0, 1, 2, 4, 5, 7, 8)
    found = kit.storage.contents.dead_letters.values()
    assert [(one.offset, one.code) for one in found] == [
        (3, DeadLetterCode.ALREADY_STORED),
        (6, DeadLetterCode.ALREADY_STORED),
    ]
    assert kit.stands_at(9)


async def test_of_a_page_the_order_whose_key_is_there_already_costs_no_other() -> None:
    kit = Kit(Pages())
    kit.handler.there_already = "cf"
    await kit.run(pages("abcdefgh", "i"))
    assert kit.paper.keys == list("abdeghi")
    assert [one.code for one in kit.storage.contents.dead_letters.values()] == [
        DeadLetterCode.ALREADY_STORED
    ]
    assert dead_letters_of(kit) == 1
    assert kit.stands_at(2)
