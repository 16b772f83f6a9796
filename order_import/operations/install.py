"""Create topics and indexes, and check that the topics are as the worker needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from models.topics import TOPICS
from order_import.bootstrap import broker_errors, connect_admin, connect_database
from order_import.settings import Settings

_LIMIT = "max.message.bytes"
_MISSING = "missing, or not visible to this Kafka user"


@dataclass(frozen=True, slots=True)
class Installed:
    """The topics and indexes that were created. Empty if all existed already."""

    topics: tuple[str, ...]
    indexes: tuple[str, ...]
    """Each as `collection.name`."""


async def install(settings: Settings) -> Installed:
    """Create the missing topics and indexes. Harmless to repeat.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refuses.
        StorageUnavailable: MongoDB does not answer.
    """
    with broker_errors():
        topics = await create_topics(settings)
    async with connect_database(settings) as database:
        before = set(await database.reader.indexes())
        await database.storage.prepare()
        created = set(await database.reader.indexes()) - before
    return Installed(tuple(topics), tuple(sorted(created)))


@dataclass(frozen=True, slots=True)
class TopicProblem:
    """A problem with a topic, and its remedy. If the topic is `missing`, no worker can start."""

    topic: str
    problem: str
    remedy: str
    missing: bool = False

    def __str__(self) -> str:
        """Return the problem in one line."""
        return f"topic {self.topic}: {self.problem}; {self.remedy}"


async def topic_exists(settings: Settings, topic: str) -> bool:
    """Return whether a topic exists: a producer would wait for a missing one for a long time.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    with broker_errors():
        async with connect_admin(settings) as admin:
            return settings.topic_prefix + topic in set(await admin.list_topics())


class TopicMissing(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A topic does not exist yet. The message is its name."""


async def require_topic(settings: Settings, topic: str) -> None:
    """Return if a topic exists.

    Raises:
        TopicMissing: It does not exist.
        BrokerUnavailable: Kafka does not answer.
    """
    if not await topic_exists(settings, topic):
        raise TopicMissing(settings.topic_prefix + topic)


async def create_topics(settings: Settings) -> list[str]:
    """Create the missing topics, and return their names. Harmless to repeat.

    Raises:
        KafkaError: Kafka does not answer, or refuses.
    """
    async with connect_admin(settings) as admin:
        existing = set(await admin.list_topics())
        missing = [
            NewTopic(
                name=settings.topic_prefix + topic.name,
                num_partitions=topic.partitions or settings.topic_partitions,
                replication_factor=settings.topic_replication_factor,
                topic_configs=topic.config,
            )
            for topic in TOPICS
            if settings.topic_prefix + topic.name not in existing
        ]
        if not missing:
            return []
        created: list[str] = []
        for name, code, *_ in (await admin.create_topics(missing)).topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(f"topic {name}")
            created.append(name)
        return created


async def topic_problems(settings: Settings, admin: AIOKafkaAdminClient) -> Sequence[TopicProblem]:
    """Return the problems with the topics of an installation.

    A topic whose configuration the broker does not reveal counts as correct.

    Raises:
        KafkaError: Kafka does not answer.
    """
    prefix = settings.topic_prefix
    existing = set(await admin.list_topics())
    missing = [
        TopicProblem(prefix + topic.name, _MISSING, "run: order-import init", missing=True)
        for topic in TOPICS
        if prefix + topic.name not in existing
    ]
    written = {prefix + topic.name: topic.writes for topic in TOPICS if topic.writes}
    limits = await _read_limits(admin, sorted(written.keys() & existing))
    return missing + [
        TopicProblem(
            topic,
            f"{_LIMIT} is {limit}, and messages of up to {written[topic]} are written there",
            f"set {_LIMIT}={written[topic]}",
        )
        for topic, limit in limits.items()
        if limit < written[topic]
    ]


async def _read_limits(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> Mapping[str, int]:
    """Return the size limit of each topic whose configuration this user may read."""
    if not topics:
        return {}
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic, configs={_LIMIT: None}) for topic in topics
    ]
    limits: dict[str, int] = {}
    for response in await admin.describe_configs(resources):
        for code, _, _, name, entries in response.resources:
            config = {entry[0]: entry[1] for entry in entries}
            if not code and (config.get(_LIMIT) or "").isdigit():
                limits[name] = int(config[_LIMIT])
    return limits
