"""A worker that starts, or works on, while a server or a topic is missing: it says so, waits
without partitions, ends when told to, and goes on when it can.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from models.topics import TopicName
from order_import.bootstrap import kafka_options
from order_import.devtools.embedded.process import HOST
from order_import.devtools.embedded.servers import Addresses
from order_import.operations.install import create_topics
from tests.faults.proxy import Proxy
from tests.integration.commands import Commands
from tests.integration.kit import System, Worker, open_system
from tests.integration.test_watchdog import get
from tests.integration.wire import key, order, product, store

Document = dict[str, Any]

IMPATIENT = """
import sys
from order_import import readiness
from order_import.__main__ import main
readiness.PATIENCE_SECONDS = 3.0
readiness._CHECK_SECONDS = readiness._TIMEOUT = 0.5
sys.argv = ["order-import", "worker"]
main()
"""
"""A worker that gives its partitions up after 3 s without MongoDB."""


def free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def mongo_through(port: int) -> str:
    # By its name in the replica set, the driver would find the server beside the proxy.
    return f"mongodb://{HOST}:{port}/?directConnection=true"


def port_of(address: str) -> int:
    return int(re.findall(r":(\d+)", address)[0])


@asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A port that takes connections, and never says a word."""
    reserved: list[asyncio.StreamWriter] = []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reserved.append(writer)
        await asyncio.Event().wait()

    server = await asyncio.start_server(take, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in reserved:
            writer.transport.abort()


def lines(worker: Worker, event: str) -> list[Document]:
    # The console also says its address, for people.
    told = [line for line in worker.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in map(json.loads, told) if line["event"] == event]


async def says(system: System, port: int, **wanted: object) -> Document:
    """Wait until /readyz says this; give all it says."""
    told: Document = {}

    async def is_so() -> bool:
        nonlocal told
        _, told = await asyncio.to_thread(get, port, "/readyz")
        return all(told.get(name) == value for name, value in wanted.items())

    await system.eventually(is_so, f"/readyz says {wanted}")
    return told


async def facts(system: System) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())


@pytest.mark.parametrize("silent", [False, True], ids=["nobody listens", "nobody answers"])
@pytest.mark.parametrize("server", ["mongodb", "kafka"])
async def test_a_worker_that_cannot_reach_a_server_takes_no_partitions_and_ends_when_told_to(
    system: System, server: str, silent: bool
) -> None:
    await facts(system)
    health = free_port()
    async with black_hole() as hole:
        port = hole if silent else free_port()
        setting = {
            "mongodb": {"mongo_url": mongo_through(port)},
            "kafka": {"kafka_bootstrap_servers": f"{HOST}:{port}"},
        }[server]
        waiting = await system.start_worker(worker_health_port=health, **setting)
        other = "kafka" if server == "mongodb" else "mongodb"
        wanted = {server: "does not answer", other: "answers", "ready": False, "state": "waiting"}
        await says(system, health, **wanted)
        before = lines(waiting, f"waiting-for-{other}")
        assert (await asyncio.to_thread(get, health, "/healthz"))[0] == 200
        # Who has both servers has all the partitions.
        async with system.worker():
            for number in range(8):
                await system.publish(TopicName.ORDERS, order(number), key=str(number))
            for number in range(8):
                await system.becomes(key(order(number)), "created")
        assert await waiting.stop() == 0
    told = lines(waiting, f"waiting-for-{server}")
    assert 1 <= len(told) <= 6
    assert told[0]["why"]
    assert lines(waiting, f"waiting-for-{other}") == before


@pytest.mark.parametrize("moment", ["it answers", "it joins", "it has partitions", "it works"])
async def test_it_ends_with_0_at_whatever_moment_of_its_start_it_is_told_to(
    system: System, moment: str
) -> None:
    health = free_port()
    worker = await system.start_worker(worker_health_port=health)

    async def is_there() -> bool:
        _, told = await asyncio.to_thread(get, health, "/readyz")
        match moment:
            case "it answers":
                return bool(told)
            case "it joins":
                return told.get("state") in {"joining", "working"}
            case "it has partitions":
                return bool(lines(worker, "partitions-assigned"))
            case _:
                return bool(lines(worker, "worker-started"))

    await system.eventually(is_there, moment)
    assert await worker.stop() == 0, worker.log.read_text()


async def test_it_goes_on_when_mongodb_comes_and_gives_its_partitions_up_when_it_goes(
    system: System, addresses: Addresses
) -> None:
    await facts(system)
    port, health = free_port(), free_port()
    proxy = Proxy(port, port_of(str(addresses.mongo_url)))
    setting = {"mongo_url": mongo_through(port), "worker_health_port": health}
    first = await system.start_worker("-c", IMPATIENT, **setting)
    await says(system, health, mongodb="does not answer", state="waiting")
    await proxy.start()
    try:
        await says(system, health, ready=True)
        await system.publish(TopicName.ORDERS, order(1))
        await system.becomes(key(order(1)), "created")
        proxy.swallow()
        assert await first.ended() == 70
        (last,) = lines(first, "worker-broken")
        assert last["error"] == "StorageAway"
        again = await system.start_worker("-c", IMPATIENT, **setting)
        await says(system, health, mongodb="does not answer", state="waiting")
        # The other one has MongoDB, and so all the partitions.
        async with system.worker():
            for number in range(2, 10):
                await system.publish(TopicName.ORDERS, order(number), key=str(number))
            for number in range(2, 10):
                await system.becomes(key(order(number)), "created")
        proxy.heal()
        await says(system, health, ready=True)
        assert await again.stop() == 0
    finally:
        await proxy.stop()


async def test_a_worker_that_loses_mongodb_while_it_works_ends_with_0_when_told_to(
    system: System, addresses: Addresses
) -> None:
    await facts(system)
    port, health = free_port(), free_port()
    proxy = Proxy(port, port_of(str(addresses.mongo_url)))
    await proxy.start()
    try:
        worker = await system.start_worker(mongo_url=mongo_through(port), worker_health_port=health)
        await says(system, health, ready=True)
        proxy.swallow()
        await system.publish(TopicName.ORDERS, order(1))
        await says(system, health, mongodb="does not answer")
        assert await worker.stop() == 0, worker.log.read_text()
    finally:
        await proxy.stop()
    async with system.worker():
        await system.becomes(key(order(1)), "created")


async def test_it_waits_for_its_topics_and_says_which_are_missing(
    addresses: Addresses, tmp_path: Path
) -> None:
    async with open_system(addresses, tmp_path, "no_topics") as system:
        settings = system.settings.model_copy(update={"topic_prefix": "not-yet."})
        system.settings = settings
        health = free_port()
        worker = await system.start_worker(worker_health_port=health)
        told = await says(system, health, kafka="answers", mongodb="answers", state="waiting")
        assert len(told["topics"]) == len(TopicName)
        assert "run: order-import init" in told["topics"][0]
        await create_topics(settings)
        await says(system, health, ready=True, topics=[])
        await facts(system)
        await system.publish(TopicName.ORDERS, order(1))
        await system.becomes(key(order(1)), "created")
        assert await worker.stop() == 0
    line, *_ = lines(worker, "topics-missing")
    assert line["remedy"] == "run: order-import init"
    assert f"not-yet.{TopicName.ORDERS}" in line["topics"]


async def limit(system: System, topic: TopicName, most: int) -> None:
    admin = AIOKafkaAdminClient(**kafka_options(system.settings))
    await admin.start()
    try:
        name = system.settings.topic_prefix + topic
        config = {"max.message.bytes": str(most)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, config)])
    finally:
        await admin.close()


async def test_a_topic_that_takes_too_little_is_named_and_orders_go_on(system: System) -> None:
    await facts(system)
    await limit(system, TopicName.DEAD_LETTER, 1000)
    health = free_port()
    topic = system.settings.topic_prefix + TopicName.DEAD_LETTER
    async with system.worker() as plain:
        poison = b"no order " * 200
        await system.publish(TopicName.ORDERS, poison, b"[]", poison, key="1")
        await system.publish(TopicName.ORDERS, order(1), key="1")
        await system.becomes(key(order(1)), "created")

        async def all_are_out() -> bool:
            return len(await system.read(TopicName.DEAD_LETTER)) == 3

        await system.eventually(all_are_out, "the dead letters are out, as far as they can be")
    dead_letters = await system.read(TopicName.DEAD_LETTER)
    for dead_letter in dead_letters:
        headers = dict(dead_letter.headers)
        assert dead_letter.value in {b"", b"[]"}
        assert headers["error-code"]
    kept = [dead_letter.value for dead_letter in await system.dead_letters()]
    assert kept == [poison, b"[]", poison]
    failed = lines(plain, "publish-failed")
    assert failed[0]["topic"] == topic
    assert "max.message.bytes" in failed[0]["remedy"]
    said, *_ = lines(plain, "topic-takes-too-little")  # said again while it is so
    assert said["topic"] == topic
    assert said["problem"].startswith("max.message.bytes is 1000, ")
    worker = await system.start_worker(worker_health_port=health)
    told = await says(system, health, state="working", kafka="answers", ready=False)
    assert [one for one in told["topics"] if topic in one and "max.message.bytes" in one]
    shown = await Commands(system).text("status", status=1)
    assert topic in shown
    assert "max.message.bytes" in shown
    await limit(system, TopicName.DEAD_LETTER, 4 * 1024 * 1024)
    await says(system, health, ready=True)
    assert await worker.stop() == 0
    assert "max.message.bytes" not in await Commands(system).text("status")


async def test_a_health_port_that_is_taken_is_one_line(system: System) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        worker = await system.start_worker(worker_health_port=port)
        assert await worker.ended() == 2
    last = worker.log.read_text().splitlines()[-1]
    assert last.startswith(
        f"order-import: ORDER_IMPORT_WORKER_HEALTH_PORT: cannot listen on {HOST}"
    )


async def test_a_database_of_another_layout_is_refused_at_start_in_one_line(
    system: System,
) -> None:
    """The worker joins no group: it would decide by orders that it cannot read."""
    await system.db.layout.update_one({"_id": "layout"}, {"$set": {"version": 1}})
    why = (
        f"database {system.settings.mongo_database} is of another version; "
        "name an empty database, or another --data-dir for `up`"
    )
    worker = await system.start_worker()
    assert await worker.ended() == 70
    (line,) = lines(worker, "worker-broken")
    assert line["reason"] == why
    assert not lines(worker, "worker-started")
    for command in ("init", "console"):
        refused = await system.start_worker(
            *("-m", "order_import", command), console_port=free_port()
        )
        assert await refused.ended() == 1
        assert refused.log.read_text().splitlines()[-1] == (f"order-import: MongoDB refused: {why}")
