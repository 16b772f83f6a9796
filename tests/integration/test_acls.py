"""With Kafka's authorizer on, the permissions of docs/operations.md are enough, and no more."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import CreateAclsRequest
from pydantic import SecretStr

from models.topics import TOPICS, TopicName
from order_import.bootstrap import kafka_options, new_producer
from order_import.devtools.embedded.process import HOST, remembered_port
from order_import.devtools.embedded.servers import Addresses
from order_import.operations.preflight import Level, check_installation
from order_import.settings import Settings
from tests.integration.commands import Commands
from tests.integration.kit import ROOT, System, open_system
from tests.integration.test_cold_start import lines
from tests.integration.wire import item, key, order, product, store
from tests.kafkas import ConfiguredKafka

TOPIC, GROUP = 2, 3
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 8, 10
LITERAL, ALLOW = 3, 3
USERS = {
    "the worker": "worker",
    "the console and people who run commands": "operator",
    "Amazon's side": "amazon",
    "the catalog's side": "catalog",
    "Commerce": "commerce",
    "other readers of events": "reader",
}
ALL = [topic.name for topic in TOPICS]


class Broker:
    """A broker whose plain listener is for its owner, and whose other one asks who is there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        port = remembered_port(directory / "port-ASKS")
        jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        properties = {
            "listeners": f",ASKS://{HOST}:{port}",
            "advertised.listeners": f",ASKS://{HOST}:{port}",
            "listener.security.protocol.map": ",ASKS:SASL_PLAINTEXT",
            "listener.name.asks.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.asks.scram-sha-512.sasl.jaas.config": jaas,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        passwords = {user: f"{user} horse" for user in (*USERS.values(), "stranger")}
        self.server = ConfiguredKafka(directory, properties, passwords)
        self.bootstrap = f"{HOST}:{port}"

    def environment(self, user: str) -> dict[str, str]:
        return {
            "kafka_bootstrap_servers": self.bootstrap,
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_sasl_username": user,
            "kafka_sasl_password": f"{user} horse",
        }

    def settings(self, user: str, prefix: str) -> Settings:
        told: dict[str, Any] = self.environment(user)
        told["kafka_sasl_password"] = SecretStr(told["kafka_sasl_password"])
        return Settings(**told, topic_prefix=prefix)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Broker, str]]:
    made = Broker(tmp_path_factory.mktemp("acls"))
    lock = (made.directory / "lock").open("w")
    plain = await made.server.start(lock.fileno(), print)
    yield made, plain
    await made.server.process.stop()
    lock.close()


def documented() -> dict[str, tuple[list[str], list[str], list[str]]]:
    """What each user may read and write, and which group, by the table of the guide."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("### Who may do what on Kafka")[2].partition("\n- ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    reads, writes, group = (
        [re.findall(r"`([\w.-]+)`", row[n]) for row in rows[1:]] for n in (1, 2, 3)
    )
    found = dict(
        zip((row[0] for row in rows[1:]), zip(reads, writes, group, strict=True), strict=True)
    )
    return {USERS[name]: permissions for name, permissions in found.items()}


async def grant(system: System) -> None:
    """Give everybody what the guide says, on the topics of this installation."""
    prefix = system.settings.topic_prefix
    admin = AIOKafkaAdminClient(**kafka_options(system.settings))
    await admin.start()
    try:
        for user, (reads, writes, groups) in documented().items():
            given = [(TOPIC, topic, READ) for topic in reads]
            given += [(TOPIC, topic, WRITE) for topic in writes]
            given += [(GROUP, group, READ) for group in groups]
            if user in {"worker", "operator"}:
                given += [(TOPIC, one, of) for one in ALL for of in (DESCRIBE, DESCRIBE_CONFIGS)]
                given.append((GROUP, "order-import", DESCRIBE))
            for kind, name, operation in given:
                answer = await admin._send_request(
                    CreateAclsRequest(
                        kind, prefix + name, LITERAL, f"User:{user}", "*", operation, ALLOW
                    )
                )
                assert answer.creation_responses[0][0] == 0, answer
    finally:
        await admin.close()


async def may_write(settings: Settings, topic: TopicName) -> bool:
    producer: AIOKafkaProducer = new_producer(settings)
    try:
        await producer.start()
        await producer.send_and_wait(settings.topic_prefix + topic, b"{}", key=b"k")
    except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError):
        return False  # the second is said to whoever may write no topic at all
    finally:
        with suppress(ClusterAuthorizationFailedError):
            await producer.stop()
    return True


def test_the_guide_names_every_topic_and_only_topics_there_are() -> None:
    told = {topic for reads, writes, _ in documented().values() for topic in (*reads, *writes)}
    assert told == set(ALL)
    worker = documented()["worker"]
    assert set(worker[1]) == {topic.name for topic in TOPICS if topic.writes}
    assert documented().keys() == set(USERS.values())


async def test_a_worker_and_an_operator_can_do_their_work_with_what_the_guide_gives_them(
    broker: tuple[Broker, str], addresses: Addresses, tmp_path: Path
) -> None:
    made, plain = broker
    here = Addresses(plain, addresses.mongo_url)
    async with open_system(here, tmp_path, "acls") as system:
        await grant(system)
        as_worker = made.environment("worker")
        worker = await system.start_worker(**as_worker)
        await system.publish(TopicName.STORES, store())
        await system.publish(TopicName.PRODUCTS, product("LAMP"), product("GONE", enabled=False))
        await system.publish(
            TopicName.ORDERS, order(1), b"no order", order(2, items=[item("GONE")])
        )
        await system.becomes(key(order(1)), "created")
        await system.becomes(key(order(2)), "blocked")
        await worker.kill()  # the next one looks on its topics for what has arrived
        worker = await system.start_worker(**as_worker)
        as_operator = made.environment("operator")
        commands = Commands(
            system, **{f"ORDER_IMPORT_{name.upper()}": one for name, one in as_operator.items()}
        )
        told = await commands.json("status")
        assert (told["kafka"]["error"], told["topics"]) == (None, [])
        assert all(one["exists"] for one in told["lag"])
        file = tmp_path / "products.json"
        file.write_text('{"sku": "GONE", "enabled": true, "salable_quantity": 5, '
                        '"as_of": "2026-11-20T00:00:00Z"}')  # fmt: skip
        await commands.text("send", "products", str(file))
        await system.becomes(key(order(2)), "created")
        await commands.text("sync")
        ids = [one["id"] for one in (await commands.json("dead-letters", "list"))["dead_letters"]]
        again = await commands.json("dead-letters", "redrive", *ids, "--execute", status=1)
        assert len(again["afterwards"]["refused_again"]) == 1
        assert await worker.stop() == 0, worker.log.read_text()
        logged = worker.log.read_text()
        assert "AuthorizationFailed" not in logged


@pytest.mark.parametrize(
    ("user", "may"),
    [
        ("amazon", [TopicName.ORDERS]),
        ("catalog", [TopicName.STORES, TopicName.PRODUCTS, TopicName.STOCK, TopicName.LISTINGS]),
        ("commerce", [TopicName.ORDER_UPDATES]),
        ("reader", []),
        ("stranger", []),
    ],
)
async def test_nobody_writes_what_is_not_theirs(
    user: str,
    may: Sequence[TopicName],
    broker: tuple[Broker, str],
    addresses: Addresses,
    tmp_path: Path,
) -> None:
    made, plain = broker
    here = Addresses(plain, addresses.mongo_url)
    async with open_system(here, tmp_path, f"theirs_{user}") as system:
        await grant(system)
        settings = made.settings(user, system.settings.topic_prefix)
        assert [topic for topic in ALL if await may_write(settings, topic)] == may


@pytest.mark.parametrize(
    ("user", "lacks"),
    [
        ("worker", {}),
        (
            "operator",
            {
                "topic commerce.orders": "READ, WRITE",
                "topic amazon.orders.blocked": "WRITE",
                "topic amazon.orders.not-imported": "READ, WRITE",
                "topic order-import.dead-letter": "READ, WRITE",
                "group order-import": "READ",
            },
        ),
    ],
)
async def test_the_preflight_names_what_a_worker_with_this_user_would_lack(
    user: str,
    lacks: dict[str, str],
    broker: tuple[Broker, str],
    addresses: Addresses,
    tmp_path: Path,
) -> None:
    made, plain = broker
    async with open_system(
        Addresses(plain, addresses.mongo_url), tmp_path, f"check_{user}"
    ) as system:
        await grant(system)
        prefix = system.settings.topic_prefix
        settings = made.settings(user, prefix).model_copy(
            update={
                "mongo_url": system.settings.mongo_url,
                "mongo_database": system.settings.mongo_database,
            }
        )
        faults = {
            finding.subject.replace(prefix, ""): finding.text
            for finding in await check_installation(settings)
            if finding.level is Level.FAULT
        }
        assert faults == {
            subject: f"this user may not {operations}" for subject, operations in lacks.items()
        }


async def test_a_worker_that_may_not_join_its_group_says_so_and_waits(
    broker: tuple[Broker, str], addresses: Addresses, tmp_path: Path
) -> None:
    made, plain = broker
    here = Addresses(plain, addresses.mongo_url)
    async with open_system(here, tmp_path, "no_group") as system:
        await grant(system)
        as_worker = made.environment("worker")
        worker = await system.start_worker(consumer_group="another", **as_worker)

        async def says_so() -> bool:
            return bool(lines(worker, "waiting-for-kafka"))

        await system.eventually(says_so, "it says what it waits for")
        assert (
            GroupAuthorizationFailedError.__name__ in lines(worker, "waiting-for-kafka")[0]["why"]
        )
        assert await worker.stop() == 0
