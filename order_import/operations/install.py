"""Topics: created once, and looked at by whoever reads and writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from models.topics import TOPICS
from order_import.bootstrap import connect_reader, connect_storage, kafka_options
from order_import.operations.lag import broker_errors
from order_import.settings import Settings

_LIMIT = "max.message.bytes"
_MISSING = "missing, or not to be seen by this Kafka user"


@dataclass(frozen=True, slots=True)
class TopicProblem:
    """What is wrong with a topic, and what to do about it. A missing one keeps the worker out."""

    topic: str
    problem: str
    remedy: str
    missing: bool = False

    def __str__(self) -> str:
        """Return it in one line."""
        return f"topic {self.topic}: {self.problem}; {self.remedy}"


async def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; give their names. Harmless to repeat.

    Raises:
        KafkaError: The broker refused.
    """
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-init")
    await admin.start()
    try:
        there = set(await admin.list_topics())
        wanted = [
            NewTopic(
                name=settings.topic_prefix + topic.name,
                num_partitions=topic.partitions or settings.topic_partitions,
                replication_factor=settings.topic_replication_factor,
                topic_configs=topic.config,
            )
            for topic in TOPICS
            if settings.topic_prefix + topic.name not in there
        ]
        created: list[str] = []
        if wanted:
            answer = await admin.create_topics(wanted)
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"topic {name}")
                created.append(name)
        return created
    finally:
        await admin.close()


async def topic_problems(settings: Settings, admin: AIOKafkaAdminClient) -> Sequence[TopicProblem]:
    """Return what is wrong with the topics of an installation.

    A topic whose configuration the broker does not tell us counts as right.

    Args:
        settings: Whose topics.
        admin: A client that is connected.

    Raises:
        KafkaError: Kafka does not answer.
    """
    prefix = settings.topic_prefix
    there = set(await admin.list_topics())
    missing = [
        TopicProblem(prefix + topic.name, _MISSING, "run: order-import init", missing=True)
        for topic in TOPICS
        if prefix + topic.name not in there
    ]
    written = {prefix + topic.name: topic.writes for topic in TOPICS if topic.writes}
    limits = await _limits(admin, sorted(written.keys() & there))
    return missing + [
        TopicProblem(
            topic,
            f"{_LIMIT} is {limit}, and messages of up to {written[topic]} are written there",
            f"set {_LIMIT}={written[topic]}",
        )
        for topic, limit in limits.items()
        if limit < written[topic]
    ]


async def _limits(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> Mapping[str, int]:
    """Return how large a batch each topic takes, of those whose configuration we may read."""
    if not topics:
        return {}
    asked = [
        ConfigResource(ConfigResourceType.TOPIC, topic, configs={_LIMIT: None}) for topic in topics
    ]
    limits: dict[str, int] = {}
    for answer in await admin.describe_configs(asked):
        for code, _, _, name, entries in answer.resources:
            told = {entry[0]: entry[1] for entry in entries}
            if not code and (told.get(_LIMIT) or "").isdigit():
                limits[name] = int(told[_LIMIT])
    return limits


@dataclass(frozen=True, slots=True)
class Installed:
    """What was made now. Empty where all was there."""

    topics: tuple[str, ...]
    indexes: tuple[str, ...]
    """Each as `collection.name`."""


async def install(settings: Settings) -> Installed:
    """Make the topics and indexes that are missing. Harmless to repeat.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refused.
        StorageUnavailable: MongoDB does not answer.
    """
    with broker_errors():
        topics = await create_topics(settings)
    async with connect_storage(settings) as storage, connect_reader(settings) as reader:
        before = set(await reader.indexes())
        await storage.prepare()
        made = set(await reader.indexes()) - before
    return Installed(tuple(topics), tuple(sorted(made)))
