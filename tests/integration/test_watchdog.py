"""A worker whose work stands still ends itself, and the next one does what it left."""

import asyncio
import json
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from models.topics import TopicName
from order_import.devtools.embedded.process import HOST
from tests.integration.kit import LOOKING, System
from tests.integration.wire import item, order, product, store

STUCK = """
import asyncio, sys
from order_import.__main__ import main
from handlers.import_policy import ImportPolicyHandler
async def decide(*_):
    await asyncio.Event().wait()
ImportPolicyHandler.handle = decide
sys.argv = ["order-import", "worker"]
main()
"""
DEAF = """
import asyncio, sys
from order_import.__main__ import main
from streams.transport import LedgerConsumerThread
fetch = LedgerConsumerThread._fetch_records
async def deaf(self, consumer, partitions, *args, **kwargs):
    await asyncio.Event().wait()
LedgerConsumerThread._fetch_records = deaf
sys.argv = ["order-import", "worker"]
main()
"""
STALL_SECONDS = 10
"""Long enough for a slow machine to begin its work, and short enough to wait for."""


async def _one_order(system: System) -> str:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product("LAMP"))
    document = order(1, items=[item("LAMP")])
    await system.publish(TopicName.ORDERS, document, key=document["amazon_order_id"])
    return f"us/{document['amazon_order_id']}"


@pytest.mark.parametrize(
    ("program", "says"),
    [(STUCK, "the messages read are not decided"), (DEAF, "nothing is read")],
    ids=["a stage that hangs", "a reader that hangs"],
)
async def test_what_stands_still_ends_and_the_next_worker_does_it(
    system: System, program: str, says: str
) -> None:
    key = await _one_order(system)
    stuck = await system.start_worker("-c", program, stall_seconds=STALL_SECONDS)
    assert await stuck.ended() == 70
    last = json.loads(stuck.log.read_text().splitlines()[-1])
    assert (last["event"], last["error"]) == ("worker-broken", "Stalled")
    assert says in last["reason"]
    async with system.worker():
        await system.becomes(key, "created")


async def test_a_worker_that_works_or_has_nothing_to_do_is_left_alone(system: System) -> None:
    key = await _one_order(system)
    worker = await system.start_worker("-c", LOOKING, stall_seconds=STALL_SECONDS)
    # The mark that ends a transaction is the last of its partition: nobody is given it.
    fact = product("CHAIR")
    producer = AIOKafkaProducer(
        bootstrap_servers=system.settings.kafka_bootstrap_servers, transactional_id="upstream"
    )
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send(
                system.settings.topic_prefix + TopicName.PRODUCTS, json.dumps(fact).encode()
            )
    finally:
        await producer.stop()
    await system.becomes(key, "created")
    await worker.is_patient()
    assert await worker.stop() == 0


async def test_it_says_over_http_whether_it_is_alive_and_ready(system: System) -> None:
    key = await _one_order(system)
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    worker = await system.start_worker(worker_health_port=port)
    await system.becomes(key, "created")

    async def is_ready() -> bool:
        status, told = await asyncio.to_thread(get, port, "/readyz")
        return status == 200 and told["partitions"] and told["lag"] == 0

    await system.eventually(is_ready, "the worker is ready")
    assert (await asyncio.to_thread(get, port, "/healthz"))[0] == 200
    assert await worker.stop() == 0


def get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError:
        return 0, {}
