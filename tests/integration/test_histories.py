"""Random histories through real Kafka and the MongoDB protocol end as the reference model says.

All share one installation, each with stores, products and orders of its own. A step is one message
of each; the next step begins when everything that followed has come to rest. The worker is killed
now and then. `make proofs` plays 200.
"""

import os
from datetime import timedelta
from itertools import zip_longest
from random import Random
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from models.topics import READ_TOPICS
from order_import.bootstrap import connect_storage, new_consumer
from storage.port import Transaction
from streams.clock import now
from tests.integration.kit import OUT, System
from tests.model import messages
from tests.model.end import End, events_by_order
from tests.model.histories import history
from tests.model.messages import AnyMessage, ReplayAsked, begun, renamed, wire
from tests.model.reference_model import end_of

HISTORIES = int(os.environ.get("WIRE_HISTORIES", "10"))
SEED = 20_261_123
LENGTH = (5, 14)
KILLED_EVERY = 8
pytestmark = pytest.mark.timeout(1800 + 10 * HISTORIES)


async def test_histories_on_real_servers_end_as_the_model_says(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Recent enough that no buyer has to be erased (rule 27).
    start = now().replace(second=0, microsecond=0) - timedelta(days=26)
    monkeypatch.setattr(messages, "START", start)
    histories = [_history(number) for number in range(HISTORIES)]
    consumer = new_consumer(
        system.settings, [system.settings.topic_prefix + topic for topic in READ_TOPICS]
    )
    await consumer.start()
    try:
        worker = await system.start_worker()
        for number, step in enumerate(zip_longest(*histories)):
            for told in step:
                if told is not None:
                    await _publish(system, told)
            if number % KILLED_EVERY == KILLED_EVERY - 1:
                await worker.kill()
                worker = await system.start_worker()
            await system.eventually(lambda: _is_at_rest(system, consumer), f"step {number}")
        assert await worker.stop() == 0, worker.log.read_text()
    finally:
        await consumer.stop()
    end = await _end(system)
    minute = (now() - start) // timedelta(minutes=1)
    for number, told in enumerate(histories):
        assert _part(end, f"h{number}-") == end_of(told, minute), f"history {number}, seed {SEED}"


def _history(number: int) -> list[AnyMessage]:
    return [renamed(told, f"h{number}-") for told in history(Random(SEED + number), LENGTH)]


async def _publish(system: System, told: AnyMessage) -> None:
    if isinstance(told, ReplayAsked):
        async with connect_storage(system.settings) as storage:
            await storage.transact(lambda transaction: _store_begun(transaction, told))
    topic, key, value, store = wire(told)
    await system.publish(topic, value, key=key, store=store)


async def _store_begun(transaction: Transaction, asked: ReplayAsked) -> None:
    changes = begun(asked)
    # A transaction begins with a read. Asked again, a replay has its part already.
    if await transaction.replay(changes.replays[0].replay_id) is not None:
        changes.replay_parts.clear()
    await transaction.write(changes)


async def _is_at_rest(system: System, consumer: AIOKafkaConsumer) -> bool:
    """Say whether every processor is at the end of its log, with nothing more to publish.

    The ends are read last: what was published meanwhile shows in them.
    """
    checkpoints = {one["_id"]: one async for one in system.db.checkpoints.find({})}
    if any(one["outbox"] for one in checkpoints.values()):
        return False
    ends = await consumer.end_offsets(consumer.assignment())
    names = {f"{partition.topic}:{partition.partition}": end for partition, end in ends.items()}
    return all(
        checkpoints.get(name, {}).get("committed_offset", 0) >= end for name, end in names.items()
    )


async def _end(system: System) -> End:
    commerce = {
        f"{one['store_id']}/{one['amazon_order_id']}": one["status"]
        async for one in system.db.commerce_orders.find({})
    }
    orders = {}
    async for one in system.db.amazon_orders.find({}):
        state = one["import"]["state"]
        missing = one["import"].get("missing", ())
        reasons = frozenset([*map(_reason, one["import"]["reasons"]), *missing])
        status, moved = one.get("status"), commerce.get(one["_id"])
        orders[one["_id"]] = (state, reasons, status, moved, one["ignored"])
    reserved = {
        one["_id"]: one["reserved"]
        async for one in system.db.stock_items.find({})
        if one.get("reserved")
    }
    records = await system.read(*OUT)
    # A copy after a kill carries the same id.
    bodies = {dict(record.headers)["ce_id"].decode(): record.value for record in records}
    assert bodies.keys() == {one["_id"] async for one in system.db.events.find({}, {"_id": 1})}
    return End(orders, reserved, events_by_order(bodies.values()))


def _reason(reason: Any) -> object:
    return (
        reason
        if isinstance(reason, str)
        else (reason["code"], reason.get("sku"), reason.get("stock_id"))
    )


def _part(end: End, prefix: str) -> End:
    """What belongs to one history."""
    return End(
        {name: order for name, order in end.orders.items() if name.startswith(prefix)},
        {
            name: units
            for name, units in end.reserved.items()
            if name.partition("/")[2].startswith(prefix)
        },
        {name: told for name, told in end.events.items() if name.startswith(prefix)},
    )
