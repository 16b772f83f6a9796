"""The preflight on real servers: it finds what is wrong, and changes nothing."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from models.topics import TopicName
from order_import.devtools.embedded.process import HOST
from order_import.operations.preflight import Level, check_installation
from order_import.settings import Settings
from tests.integration.kit import System
from tests.integration.test_cold_start import free_port


async def found(settings: Settings, *levels: Level) -> dict[str, str]:
    return {
        finding.subject: finding.text
        for finding in await check_installation(settings)
        if finding.level in levels
    }


async def test_an_installation_as_init_makes_it_has_no_fault(system: System) -> None:
    assert await found(system.settings, Level.FAULT) == {}
    # The embedded database does not know users.
    assert [*await found(system.settings, Level.WARNING)] == ["MongoDB's permissions"]
    fine = await found(system.settings, Level.OK)
    assert fine["Kafka's version"] == "4.0 or newer"
    assert {"topics", "Kafka's permissions", "clock", "database", "indexes"} <= fine.keys()


async def test_what_is_not_as_init_makes_it_is_found(
    system: System, admin: AIOKafkaAdminClient
) -> None:
    prefix = system.settings.topic_prefix
    listings, stores, gone = (
        prefix + name for name in (TopicName.LISTINGS, TopicName.STORES, TopicName.BLOCKED)
    )
    changes = {listings: {"cleanup.policy": "delete"}, prefix + TopicName.ORDERS: {
        "retention.ms": "1000000", "max.message.bytes": "2097152",
        "segment.ms": "86400000",
    }}  # fmt: skip
    await admin.alter_configs(
        [
            ConfigResource(ConfigResourceType.TOPIC, topic, configs)
            for topic, configs in changes.items()
        ]
    )
    await admin.delete_topics([gone, stores])

    async def is_gone() -> bool:
        return not {gone, stores} & set(await admin.list_topics())

    await system.eventually(is_gone, "the topics are deleted")
    await admin.create_topics([NewTopic(stores, 3, 1, topic_configs={"cleanup.policy": "compact"})])

    async def is_back() -> bool:
        return stores in await admin.list_topics()

    await system.eventually(is_back, "the topic is created again")
    await system.db.offset_resets.drop_index("at_-1")
    await system.db.replays.create_index("who")
    faults = await found(system.settings, Level.FAULT)
    assert faults == {
        f"topic {gone}": "missing, or not visible to this Kafka user",
        f"topic {stores}": "has 3 partitions, and its order needs 1",
        f"topic {listings}": "cleanup.policy is delete",
        "index offset_resets.at_-1": "is missing",
    }
    warnings = await found(system.settings, Level.WARNING)
    assert warnings[f"topic {prefix}{TopicName.ORDERS}"] == "retention.ms is 1000000"
    assert warnings["index replays.who_1"] == "is not one of this program's"


async def test_nothing_is_changed_where_nothing_is(
    system: System, admin: AIOKafkaAdminClient
) -> None:
    empty = system.settings.model_copy(
        update={
            "topic_prefix": f"{system.settings.topic_prefix}none.",
            "mongo_database": f"{system.settings.mongo_database}_none",
        }
    )
    topics = set(await admin.list_topics())
    faults = await found(empty, Level.FAULT)
    assert faults["database"] == "is empty"
    assert len([subject for subject in faults if subject.startswith("topic ")]) == 11
    assert set(await admin.list_topics()) == topics
    assert empty.mongo_database not in await system.client.list_database_names()


async def test_servers_that_do_not_answer_are_faults(system: System) -> None:
    port = free_port()
    away = system.settings.model_copy(update={"kafka_bootstrap_servers": f"{HOST}:{port}"})
    assert await found(away, Level.FAULT) == {"Kafka": f"{HOST}:{port}: nothing listens there"}
