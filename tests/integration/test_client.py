"""The client package against the system: the programs of docs/how-to, and the loops under them."""

import asyncio
import io
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import motor.motor_asyncio
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import AsyncMongoClient
from rich.console import Console

from models.topics import TopicName
from order_import.devtools.demo import run_demo
from order_import_client import (
    COMMERCE_ORDERS,
    CommerceOrderCreated,
    CommerceOrderStatusChanged,
    Event,
    Message,
    MongoStore,
    Once,
    UnknownEvent,
)
from order_import_client.kafka import Producer, consume
from order_import_client.testing import make_event, make_record
from tests.integration.kit import ROOT, System, environment
from tests.waiting import PATIENCE, until

KILLS = 3


class Downstream:
    """examples/consume_orders.py in a directory of its own, with its orders.db."""

    def __init__(self, system: System, directory: Path) -> None:
        self.system = system
        self.directory = directory
        self.process: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def running(self, program: str = "consume_orders.py") -> AsyncIterator[Any]:
        """Run a program; at the end stop it as Ctrl-C does, unless it was killed."""
        log = self.directory / f"{program}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "examples" / program),
                cwd=self.directory,
                env=environment(self.system.settings),
                stdout=output,
                stderr=output,
            )
        self.process = process
        try:
            yield process
            assert process.returncode in {None, 0, -signal.SIGKILL}, log.read_text()
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), PATIENCE)

    def query(self, statement: str) -> list[Any]:
        """Read its database."""
        try:
            with closing(sqlite3.connect(self.directory / "orders.db")) as database:
                return database.execute(statement).fetchall()
        except sqlite3.OperationalError:
            return []  # it has not made its tables yet

    def orders(self) -> dict[str, tuple[str, Decimal]]:
        """Give the status and total of its orders."""
        rows = self.query("SELECT id, status, total FROM orders")
        return {row: (status, Decimal(total)) for row, status, total in rows}

    def is_alive(self) -> None:
        """Fail at once, not when patience ends, if its program has ended by itself."""
        log = self.directory / "consume_orders.py.log"
        assert self.process is not None
        assert self.process.returncode is None, log.read_text()

    async def has_handled(self, events: int) -> bool:
        """Say whether it has come this far: the sum of the sequences of all orders."""
        self.is_alive()
        ((handled,),) = self.query("SELECT sum(last) FROM order_import_progress") or [(0,)]
        return (handled or 0) >= events


async def has_read_all(system: System, admin: AIOKafkaAdminClient) -> bool:
    """Say whether the group has committed the end of each partition."""
    topic = system.settings.topic_prefix + COMMERCE_ORDERS
    committed = await admin.list_consumer_group_offsets(f"{system.settings.topic_prefix}shop")
    ends = Counter(record.partition for record in await system.read(TopicName.COMMERCE_ORDERS))
    return {
        partition.partition: found.offset
        for partition, found in committed.items()
        if partition.topic == topic
    } == dict(ends)


async def rewind(system: System) -> None:
    """Commit the beginning of each partition, as `kafka-consumer-groups --reset-offsets` does."""
    settings = system.settings
    topic = settings.topic_prefix + COMMERCE_ORDERS
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=f"{settings.topic_prefix}shop",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, n) for n in range(settings.topic_partitions)]
        consumer.assign(partitions)
        await consumer.commit(dict.fromkeys(partitions, 0))
    finally:
        await consumer.stop()


async def stored_orders(system: System) -> dict[str, tuple[str, Decimal]]:
    """Give the status and total of every order in the ledger."""
    return {
        order["_id"]: (order["status"], order["total"]["amount"].to_decimal())
        async for order in system.db.commerce_orders.find({})
    }


async def test_a_downstream_rebuilds_every_order_of_the_demo(
    system: System, tmp_path: Path, admin: AIOKafkaAdminClient
) -> None:
    downstream = Downstream(system, tmp_path)
    await system.start_worker()
    demo = asyncio.create_task(run_demo(system.settings, Console(file=io.StringIO())))
    for kill in range(1, KILLS + 1):
        async with downstream.running() as process:
            await until(partial(downstream.has_handled, kill * 80))
            process.kill()
            await process.wait()
    async with asyncio.timeout(PATIENCE):
        await demo
    records = await system.read(TopicName.COMMERCE_ORDERS)
    topic = system.settings.topic_prefix + COMMERCE_ORDERS

    async def catches_up() -> None:
        async def has_caught_up() -> bool:
            downstream.is_alive()
            return await has_read_all(system, admin)

        async with downstream.running():
            await until(has_caught_up)

    # Everything once more, as after a crash of a publisher that had not yet noted what it sent.
    async with Producer(system.settings.kafka_bootstrap_servers) as producer:
        await producer.send(
            *(Message(topic, record.key, record.value, tuple(record.headers)) for record in records)
        )
    await catches_up()
    expected = await stored_orders(system)
    assert len(expected) > 300
    assert downstream.orders() == expected
    handled = downstream.query("SELECT name, last FROM order_import_progress")

    # A replay: the group reads the topic from its beginning.
    await rewind(system)
    await catches_up()
    assert downstream.orders() == expected
    assert downstream.query("SELECT name, last FROM order_import_progress") == handled
    log = (tmp_path / "consume_orders.py.log").read_text()
    assert "missing" not in log
    assert "IntegrityError" not in log


async def test_an_order_published_upstream_is_created_and_acknowledged(
    system: System, tmp_path: Path
) -> None:
    downstream = Downstream(system, tmp_path)
    await system.start_worker()
    async with downstream.running("publish_order.py") as process:
        assert await process.wait() == 0
    await system.becomes("studio-ca/701-0000001-0000001", "created")
    async with downstream.running():
        await until(partial(downstream.has_handled, 1))
    assert downstream.orders() == await stored_orders(system)
    assert {total for _, total in downstream.orders().values()} == {Decimal("38.00")}
    async with downstream.running("acknowledge_orders.py"):
        await system.eventually(lambda: is_acknowledged(system), "the order is acknowledged")


async def is_acknowledged(system: System) -> bool:
    found = await system.db.commerce_orders.find_one({"acknowledged_at": {"$ne": None}})
    return found is not None


class HandlerFailedError(Exception):
    """The shop does not answer."""


async def test_an_offset_is_committed_after_its_event_is_handled(system: System) -> None:
    """A failure loses nothing, and repeats nothing that was handled before it."""
    records = [
        make_record(CommerceOrderCreated, amazon_order_id=f"111-0000001-000000{number}")
        for number in range(5)
    ]
    broken = Message(COMMERCE_ORDERS, records[0].key, b"\xff")
    settings = system.settings
    async with Producer(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix) as producer:
        await producer.send(
            *(Message(COMMERCE_ORDERS, b"one", one.value, one.headers) for one in records), broken
        )
    read: list[str] = []
    done = asyncio.Event()

    async def handle(event: Event) -> None:
        if isinstance(event, UnknownEvent):
            done.set()
            return
        assert isinstance(event, CommerceOrderCreated)
        assert event.envelope.topic == settings.topic_prefix + COMMERCE_ORDERS
        read.append(event.amazon_order_id[-1])
        if read == ["0", "1", "2"]:
            raise HandlerFailedError

    consuming = partial(
        consume,
        handle,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=f"{settings.topic_prefix}test",
        prefix=settings.topic_prefix,
    )
    with pytest.raises(HandlerFailedError):
        await consuming()
    again = asyncio.create_task(consuming())
    await asyncio.wait_for(done.wait(), PATIENCE)
    again.cancel()
    await asyncio.wait([again])
    assert read == ["0", "1", "2", "2", "3", "4"]


@pytest.mark.parametrize("connect", [AsyncMongoClient, motor.motor_asyncio.AsyncIOMotorClient])
async def test_mongodb_commits_the_handlers_writes_with_the_progress(
    mongo_url: str, database_name: str, connect: Callable[[str], Any]
) -> None:
    client = connect(mongo_url)
    database = client[database_name + connect.__name__]
    fails = True

    async def save(event: Event, session: Any) -> None:
        document = {"sequence": getattr(event, "sequence", 0)}
        await database.orders.insert_one(document, session=session)
        if fails:
            raise HandlerFailedError

    once = Once(MongoStore(database.progress), save)
    created = make_event(CommerceOrderCreated)
    with pytest.raises(HandlerFailedError):
        await once(created)
    assert await database.orders.count_documents({}) == 0
    fails = False
    changed = make_event(CommerceOrderStatusChanged, sequence=2)
    # Several consumers with the same events, as while a partition moves from one to another.
    handled = await asyncio.gather(*(once(created) for _ in range(4)))
    assert sorted(handled) == [False, False, False, True]
    assert [await once(event) for event in (changed, created, changed)] == [True, False, False]
    found = [order["sequence"] async for order in database.orders.find({}).sort("sequence")]
    assert found == [1, 2]
    closing_client = client.close()
    if closing_client is not None:
        await closing_client
