"""The very same worker with one thing broken: what the checker must catch. And mishaps to show it.

`FAULT_BROKEN` names what is broken, `FAULT_MISHAP` what happens to the worker. Both wrap the
product's methods by name, as `worker.py` does, and fail at the start where a name is gone.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from pymongo import UpdateOne

from handlers.import_policy import ImportPolicyHandler
from handlers.rules import blockers
from models.errors import StorageUnavailable
from models.events import Event
from models.messages import TopicPartition
from models.reasons import BlockerCode
from storage.documents.checkpoint import checkpoint_id
from storage.mongo import bulk_write as writes
from storage.mongo import storage as mongo
from storage.mongo.transaction import MongoTransaction
from streams import app as agents
from streams.assignment import PartitionAssignment
from streams.batch import ParsedMessage
from streams.processor import TopicProcessor
from streams.publisher import Publisher
from streams.transport import LedgerConsumer

ORDERS = "amazon.orders"
_QUEUE = 5
"""How many batches wait for a broken worker's processor, of one message each."""
_UNREADABLE = 2
"""How many of a partition's first messages may be none."""
_skipped: set[tuple[TopicPartition, int]] = set()


# ---------------------------------------------------------------- what is broken


def _reads_where_kafka_says() -> None:
    """No ledger: where to read on is what was committed to Kafka, by stock Faust's reckoning."""
    ledgers = LedgerConsumer.seek_to_committed

    async def seek_to_committed(self: LedgerConsumer) -> Mapping[Any, int]:
        await ledgers(self)
        told = await FaustConsumer.seek_to_committed(self)
        checkpoints = {tp: max(0, told.get(tp) or 0) for tp in self.assignment()}
        for tp, offset in checkpoints.items():
            source = TopicPartition(*tp)
            processor, _ = self.transport.partition_assignment._processors[source.topic]
            processor._received_offset[source] = offset
            checkpoint = processor._outbox.checkpoints[source]
            processor._outbox.checkpoints[source] = replace(checkpoint, committed_offset=offset)
        await self.seek_wait(checkpoints)
        return checkpoints

    _put(LedgerConsumer, "seek_to_committed", seek_to_committed)
    for name in ("_new_offset", "_add_gap", "_filter_tps_with_pending_acks", "perform_seek"):
        _put(LedgerConsumer, name, getattr(FaustConsumer, name))


def _plain_async_for() -> None:
    """A plain `async for`: Faust acknowledges a batch when the next one is asked for."""
    _reads_where_kafka_says()
    # Stock Faust's queue takes thousands. Ours here takes one, and the first two may be unreadable:
    # they would be missed as dead letters, not as orders.
    _put(TopicProcessor, "has_room", property(lambda self: len(self._waiting) < _QUEUE))

    def add_agent(
        app: Any, topic: str, name: str, partition_assignment: PartitionAssignment
    ) -> None:
        async def agent(stream: Any) -> None:
            async for event in stream.events():
                message = event.message
                partition_assignment.dispatch(
                    TopicPartition(message.topic, message.partition), event.value
                )

        channel = app.topic(topic, key_serializer="raw", value_serializer="raw")
        app.agent(channel, name=name, concurrency=1)(agent)

    _put(agents, "_add_agent", add_agent)


def _stock_commits() -> None:
    """Acknowledged once it is done, and committed past what is not, as stock Faust does."""
    _reads_where_kafka_says()
    decide = TopicProcessor._decide

    async def decide_or_go_on(
        self: TopicProcessor, batch: Sequence[ParsedMessage], **options: bool
    ) -> None:
        try:
            await decide(self, batch, **options)
        except RuntimeError:  # the agent is started again, and goes on with the next
            _skipped.update((one.source, one.end) for one in batch)

    def add_agent(
        app: Any, topic: str, name: str, partition_assignment: PartitionAssignment
    ) -> None:
        async def agent(stream: Any) -> None:
            unacknowledged = stream.noack()
            async for event in unacknowledged.events():
                source = TopicPartition(event.message.topic, event.message.partition)
                partition_assignment.dispatch(source, event.value)
                if await _done(partition_assignment, source, event.value.end):
                    await unacknowledged.ack(event)

        channel = app.topic(topic, key_serializer="raw", value_serializer="raw")
        app.agent(channel, name=name, concurrency=1)(agent)

    _put(TopicProcessor, "_decide", decide_or_go_on)
    _put(agents, "_add_agent", add_agent)


async def _done(
    partition_assignment: PartitionAssignment, source: TopicPartition, end: int
) -> bool:
    while partition_assignment.published().get(source, end) < end:
        if (source, end) in _skipped:
            return False
        await asyncio.sleep(0.01)
    return (source, end) not in _skipped


def _publish_before_commit() -> None:
    """What is to go out goes out while the transaction is still open."""
    publishers: list[Publisher] = []
    start, publish, write = Publisher.start, Publisher.publish, MongoTransaction.write

    async def started(self: Publisher) -> None:
        publishers.append(self)
        await start(self)

    async def not_now(self: Publisher, *_: object, **__: object) -> None:
        del self

    async def written(self: MongoTransaction, changes: Any, moves: Any = ()) -> None:
        for _, after in moves:
            await publish(publishers[0], after.outbox)
        await write(self, changes, moves)

    _put(Publisher, "start", started)
    _put(Publisher, "publish", not_now)
    _put(MongoTransaction, "write", written)


def _no_compare_and_set() -> None:
    """A checkpoint is moved wherever it is, whoever moved it before."""

    move = writes._move

    def moved(batch: Any, before: Any, after: Any) -> None:
        move(batch, before, after)
        told = batch.writes.pop()
        here = {"_id": checkpoint_id(before.source)}
        batch.writes.append(UpdateOne(here, told._doc, upsert=True, namespace=told._namespace))

    _put(writes, "_move", moved)


def _unconditional_stock() -> None:
    """Units are taken whether or not there are any."""
    if BlockerCode.OUT_OF_STOCK not in blockers._CHECKS:
        raise AttributeError("stock is checked elsewhere now")
    blockers._CHECKS[BlockerCode.OUT_OF_STOCK] = lambda *_: False


def _unknown_commit_is_done() -> None:
    """A commit without a clear answer counts as done."""
    _no_compare_and_set()
    commit = mongo._commit

    async def done(session: Any) -> None:
        with contextlib.suppress(StorageUnavailable):
            await commit(session)

    _put(mongo, "_commit", done)


def _unknown_commit_is_not_done() -> None:
    """A commit without a clear answer counts as not done: all of it is decided again."""
    _no_compare_and_set()

    async def not_moved(self: TopicProcessor, source: TopicPartition) -> bool:
        del self, source
        return False

    _put(TopicProcessor, "_has_moved", not_moved)


BROKEN: dict[str, Callable[[], None]] = {
    "plain async for": _plain_async_for,
    "stock commits": _stock_commits,
    "publish before commit": _publish_before_commit,
    "no compare-and-set": _no_compare_and_set,
    "unconditional stock": _unconditional_stock,
    "unknown commit is done": _unknown_commit_is_done,
    "unknown commit is not done": _unknown_commit_is_not_done,
}


# ---------------------------------------------------------------- what happens


def _killed_when_slow() -> None:
    """The database takes long to take orders; once Kafka knows more, the worker is killed.

    Unbroken it never knows more, and is killed once it has committed since.
    """
    decide, force_commit = TopicProcessor._decide_at_once, FaustConsumer.force_commit
    is_broken = bool(os.environ.get("FAULT_BROKEN"))
    is_slow = False
    commits = 0

    async def slow(self: TopicProcessor, batch: Any) -> None:
        nonlocal is_slow
        if _is_orders(self._first):
            is_slow = True
            await asyncio.Event().wait()
        await decide(self, batch)

    async def committed(self: FaustConsumer, *args: Any, **options: Any) -> bool:
        nonlocal commits
        done: bool = await force_commit(self, *args, **options)
        commits += is_slow
        known = [at or 0 for tp, at in self._committed_offset.items() if tp.topic.endswith(ORDERS)]
        # The first commit may have begun before; the first two messages may be unreadable.
        if commits > 1 and (not is_broken or max(known, default=0) > _UNREADABLE):
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    _put(FaustConsumer, "force_commit", committed)
    _put(TopicProcessor, "_decide_at_once", slow)


def _fails_once() -> None:
    """The first decision about orders fails, once in all: `FAULT_MARKER` is a file that tells."""
    decide = ImportPolicyHandler.handle

    async def fails(self: ImportPolicyHandler, *args: Any) -> Any:
        if _is_first():
            raise RuntimeError("a decision that fails once")
        return await decide(self, *args)

    _put(ImportPolicyHandler, "handle", fails)


def _is_first() -> bool:
    """Say whether no worker of this scenario has asked before."""
    marker = Path(os.environ["FAULT_MARKER"])
    is_first = not marker.exists()
    marker.touch()
    return is_first


def _killed_before_commit() -> None:
    """All is written, an event too, and not committed, when the worker is killed."""
    write = MongoTransaction.write

    async def written(self: MongoTransaction, changes: Any, moves: Any = ()) -> None:
        await write(self, changes, moves)
        outgoing = [one for _, after in moves for one in after.outbox]
        if any(isinstance(one, Event) for one in outgoing):
            os.kill(os.getpid(), signal.SIGKILL)

    _put(MongoTransaction, "write", written)


def _stopped_before_transaction() -> None:
    """The worker stops with orders it has read; another one takes its place meanwhile."""
    decide = TopicProcessor._decide_at_once
    first = iter([True])

    async def stops(self: TopicProcessor, batch: Any) -> None:
        if _is_orders(self._first) and next(first, False):
            os.kill(os.getpid(), signal.SIGSTOP)
        await decide(self, batch)

    _put(TopicProcessor, "_decide_at_once", stops)


MISHAPS: dict[str, Callable[[], None]] = {
    "killed when slow": _killed_when_slow,
    "fails once": _fails_once,
    "killed before commit": _killed_before_commit,
    "stopped before the transaction": _stopped_before_transaction,
}


def apply(environment: Mapping[str, str]) -> None:
    """Break what is to be broken, then have happen what is to happen."""
    if broken := environment.get("FAULT_BROKEN"):
        BROKEN[broken]()
    if mishap := environment.get("FAULT_MISHAP"):
        MISHAPS[mishap]()


def _is_orders(source: TopicPartition | None) -> bool:
    return source is not None and source.topic.endswith("." + ORDERS)


def _put(owner: Any, name: str, replacement: Any) -> None:
    getattr(owner, name)  # an AttributeError: the product has another name now
    setattr(owner, name, replacement)
