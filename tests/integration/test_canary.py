"""A buyer in odd and failing messages is found in no log, page or topic but the dead letter."""

import asyncio
import json
import os
from typing import Any

import httpx
import pytest

from models.dead_letters import StoredDeadLetter
from models.topics import TopicName
from order_import.operations.dead_letters import view_of
from storage.documents.checkpoint import dead_letter_from_document
from tests.integration.canary import EMAIL, NAME, PHONE, messages, signs_in
from tests.integration.commands import Commands
from tests.integration.kit import OUT, System
from tests.integration.test_cold_start import free_port, lines
from tests.integration.test_poison import all_is_decided
from tests.integration.wire import order, product, store
from tests.waiting import PATIENCE

CANARIES = int(os.environ.get("CANARIES", "200"))
SEED = 20_261_127


async def test_a_buyer_in_odd_messages_is_in_the_dead_letter_and_nowhere_else(
    system: System,
) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    worker = await system.start_worker(log_level="debug")
    for topic, message in messages(SEED, CANARIES):
        await system.producer.send(
            system.settings.topic_prefix + topic,
            key=message.key,
            value=message.value,
            headers=list(message.headers),
        )
    await system.producer.flush()
    await system.eventually(lambda: all_is_decided(system), "all is decided")
    assert await worker.stop() == 0, worker.log.read_text()
    assert not signs_in(worker.log.read_bytes())

    kept = [dead_letter_from_document(one) async for one in system.db.dead_letters.find({})]
    assert len(kept) > CANARIES / 2
    assert sum(bool(signs_in(one.value)) for one in kept) > CANARIES / 4
    for dead_letter in kept:
        assert not signs_in(dead_letter.message)
        assert not signs_in(json.dumps(view_of(StoredDeadLetter(dead_letter, ())), default=_plain))
    for record in await system.read(*OUT):
        assert not signs_in(b"".join((record.key or b"", record.value or b"")))
        assert not any(signs_in(name) or signs_in(value) for name, value in record.headers)
    for record in await system.read(TopicName.DEAD_LETTER):
        assert not any(signs_in(value) for _, value in record.headers[-6:])
    await _search_commands(system, kept[0].dead_letter_id)
    await _search_console(system, [one.dead_letter_id for one in kept[:40]])


def _plain(view: Any) -> Any:
    return (
        {name: getattr(view, name) for name in view.__slots__}
        if hasattr(view, "__slots__")
        else str(view)
    )


async def _search_commands(system: System, dead_letter: str) -> None:
    commands = Commands(system)
    for arguments in (
        ("status",),
        ("blocked",),
        ("orders", "--limit", "200"),
        ("dead-letters", "list", "--limit", "200"),
        ("dead-letters", "list", "--json"),
        ("dead-letters", "show", dead_letter),
        ("dead-letters", "redrive", "--all"),
    ):
        assert not signs_in(await commands.text(*arguments)), arguments


async def _search_console(system: System, dead_letters: list[str]) -> None:
    """All pages but those that show an order to whoever may see its buyer."""
    port = free_port()
    console = await system.start_worker("-m", "order_import", "console", console_port=port)
    pages = ["/", "/blocked", "/replays", "/dead-letters", "/health", "/audit"]
    pages += [f"/dead-letters/{one}" for one in dead_letters]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

        async def answers() -> bool:
            try:
                return (await client.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await system.eventually(answers, "the console answers")
        for page in pages:
            answer = await client.get(page)
            assert answer.status_code == 200, page
            assert not signs_in(answer.text), page
    assert await console.stop() == 0
    assert not signs_in(console.log.read_bytes())


BREAKING = {
    "a write that the database refuses": """
from pymongo import AsyncMongoClient
from pymongo.errors import ClientBulkWriteException
async def refuse(self, models, **_):
    failed = {"idx": 0, "code": 121, "errmsg": TOLD, "op": {"insert": 1, "document": repr(models)}}
    raise ClientBulkWriteException({"error": None, "writeErrors": [failed]}, verbose=True)
AsyncMongoClient.bulk_write = refuse
""",
    "a read that the database refuses": """
from pymongo.errors import OperationFailure
from storage.mongo.transaction import MongoTransaction
async def refuse(self, *wanted):
    raise OperationFailure(TOLD, 13, {"errmsg": TOLD, "keyValue": {"buyer": TOLD}})
MongoTransaction._find = refuse
""",
    "a stage that cannot read": """
from handlers.import_policy import ImportPolicyHandler
def read(self, messages):
    raise ValueError([one.value for one in messages])
ImportPolicyHandler.parse = read
""",
    "a stage that cannot decide": """
from handlers.import_policy import ImportPolicyHandler
async def decide(self, read, page, transaction):
    try:
        {}[TOLD]
    except KeyError as error:
        raise ExceptionGroup(TOLD, [error, RuntimeError(repr(read))]) from error
ImportPolicyHandler.handle = decide
""",
    "a value that is not valid": """
from pydantic import TypeAdapter
from handlers.import_policy import ImportPolicyHandler
async def decide(self, read, page, transaction):
    TypeAdapter(int).validate_python({"buyer": TOLD, "of": repr(read)})
ImportPolicyHandler.handle = decide
""",
    "a reader that breaks": """
from streams.transport import LedgerConsumerThread
async def fetch(self, *args, **kwargs):
    raise UnicodeDecodeError("utf-8", TOLD.encode(), 0, 1, TOLD)
LedgerConsumerThread._fetch_records = fetch
""",
    "a task, a thread and a finalizer that break": """
import asyncio, threading, traceback, warnings, gc
from handlers.import_policy import ImportPolicyHandler
class Failing:
    def __del__(self):
        raise ValueError(TOLD)
def fail():
    raise ValueError(TOLD)
async def fail_later():
    raise ValueError(TOLD)
async def decide(self, read, page, transaction):
    asyncio.get_running_loop().call_soon(fail)
    task = asyncio.create_task(fail_later(), name=TOLD)
    await asyncio.wait([task])
    del task
    Failing()
    thread = threading.Thread(target=fail, name=TOLD)
    thread.start()
    thread.join()
    print(TOLD, file=__import__("sys").stderr)
    warnings.warn(TOLD, RuntimeWarning)
    gc.collect()
    raise RuntimeError(TOLD)
ImportPolicyHandler.handle = decide
""",
}


@pytest.mark.parametrize("what", BREAKING)
async def test_whatever_breaks_a_worker_says_what_and_where_and_not_on_what(
    what: str, system: System
) -> None:
    await system.publish(TopicName.STORES, store())
    document = order(
        1, buyer={"name": NAME, "email": EMAIL}, ship_to={"name": NAME, "phone": PHONE}
    )
    await system.publish(TopicName.ORDERS, document)
    program = f"""
import sys
TOLD = {f"{NAME} {EMAIL} {PHONE}"!r}
{BREAKING[what]}
from order_import.__main__ import main
sys.argv = ["order-import", "worker"]
main()
"""
    worker = await system.start_worker("-c", program, log_level="debug")
    assert await asyncio.wait_for(worker.process.wait(), PATIENCE) == 70
    assert not signs_in(worker.log.read_bytes())
    (last,) = lines(worker, "worker-broken")
    assert last["error"]
    assert last["at"]


async def test_a_topic_that_cannot_be_published_to_is_named_and_the_message_is_not(
    system: System,
) -> None:
    await system.publish(TopicName.ORDERS, f"no order of {NAME}".encode(), key="k")
    program = f"""
import sys
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
async def send(self, topic, **_):
    raise KafkaError({NAME!r})
AIOKafkaProducer.send = send
from order_import.__main__ import main
sys.argv = ["order-import", "worker"]
main()
"""
    worker = await system.start_worker("-c", program, log_level="debug")

    async def has_failed() -> bool:
        return bool(lines(worker, "publish-failed"))

    await system.eventually(has_failed, "it says that it cannot publish")
    assert lines(worker, "publish-failed")[0]["topic"].endswith(TopicName.DEAD_LETTER)
    await worker.kill()
    assert not signs_in(worker.log.read_bytes())
