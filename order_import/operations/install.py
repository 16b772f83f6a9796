"""Create topics and indexes, and check that the topics are as the worker needs them.

If Kafka does not answer, what is given an admin client raises its `KafkaError`, as `create_topics`
does; the rest raises `BrokerUnavailable`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from models.topics import PERSONAL_KEPT_MS, TOPICS
from order_import.bootstrap import broker_errors, connect_admin, connect_database
from order_import.buyer_keys import SETTING, buyer_key_path, create_key_file, read_buyer_keys
from order_import.settings import PREFIX, Settings, SettingsError

_LIMIT = "max.message.bytes"
_RETENTION, _SEGMENT, _CLEANUP = "retention.ms", "segment.ms", "cleanup.policy"
_DAY_MS = 24 * 60 * 60 * 1000
_MISSING = "missing, or not visible to this Kafka user"


@dataclass(frozen=True, slots=True)
class Installed:
    """The topics, indexes and key file that were created. Empty if all existed already."""

    topics: tuple[str, ...]
    indexes: tuple[str, ...]
    """Each as `collection.name`."""
    key_file: Path | None = None


class KeptTooLong(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A topic keeps buyer data for too long. The message is one line with the remedy."""


async def install(settings: Settings) -> Installed:
    """Create the missing topics and indexes, and the key file. Harmless to repeat.

    Raises:
        KeptTooLong: A topic keeps buyer data for longer than Amazon's rules are sure to allow.
        SettingsError: The key file is not named, is missing though it was used, or is not one.
        BrokerUnavailable: Kafka does not answer, or refuses.
        StorageUnavailable: MongoDB does not answer.
    """
    key_file = await _create_key_file(settings)
    with broker_errors():
        async with connect_admin(settings) as admin:
            if problems := await retention_problems(settings, admin):
                raise KeptTooLong(f"{problems[0]}, or {PREFIX}ALLOW_LONG_PII=true")
        topics = await create_topics(settings)
    async with connect_database(settings) as database:
        before = set(await database.reader.indexes())
        await database.storage.prepare()
        created = set(await database.reader.indexes()) - before
    return Installed(tuple(topics), tuple(sorted(created)), key_file)


async def _create_key_file(settings: Settings) -> Path | None:
    """Create the key file if it is missing, and return its path; None if it exists."""
    path = buyer_key_path(settings)
    if path.exists():
        read_buyer_keys(settings)
        return None
    async with connect_database(settings) as database:
        if await database.storage.vault.used_keys():
            raise SettingsError(
                f"{SETTING}: {path} is missing, and buyer data of this database was encrypted "
                "with it; restore it from its backup"
            )
    try:
        create_key_file(path)
    except OSError as error:
        raise SettingsError(f"{SETTING}: cannot write {path}: {error.strerror}") from None
    return path


@dataclass(frozen=True, slots=True)
class TopicProblem:
    """A problem with a topic, and its remedy. If the topic is `missing`, no worker can start."""

    topic: str
    problem: str
    remedy: str
    missing: bool = False

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.problem}; {self.remedy}"


async def topic_exists(settings: Settings, topic: str) -> bool:
    """Return whether a topic exists: a producer would wait for a missing one for a long time."""
    with broker_errors():
        async with connect_admin(settings) as admin:
            return settings.topic_prefix + topic in set(await admin.list_topics())


class TopicMissing(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A topic does not exist yet. The message is its name."""


async def require_topic(settings: Settings, topic: str) -> None:
    """Return if a topic exists.

    Raises:
        TopicMissing: It does not exist.
    """
    if not await topic_exists(settings, topic):
        raise TopicMissing(settings.topic_prefix + topic)


async def create_topics(settings: Settings) -> list[str]:
    """Create the missing topics, and return their names. Harmless to repeat."""
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
    """
    prefix = settings.topic_prefix
    existing = set(await admin.list_topics())
    missing = [
        TopicProblem(prefix + topic.name, _MISSING, "run: order-import init", missing=True)
        for topic in TOPICS
        if prefix + topic.name not in existing
    ]
    written = {prefix + topic.name: topic.writes for topic in TOPICS if topic.writes}
    configs = await _read_configs(admin, sorted(written.keys() & existing), [_LIMIT])
    return missing + [
        TopicProblem(
            topic,
            f"{_LIMIT} is {limit}, and messages of up to {written[topic]} are written there",
            f"set {_LIMIT}={written[topic]}",
        )
        for topic, config in configs.items()
        if (limit := int(config[_LIMIT])) < written[topic]
    ]


async def retention_problems(
    settings: Settings, admin: AIOKafkaAdminClient
) -> Sequence[TopicProblem]:
    """Return which topics keep buyer data for too long, unless the settings allow that.

    Kafka deletes whole segments: a message is kept for as long as the retention, counted from the
    end of its segment. A topic whose configuration the broker does not reveal counts as correct.
    """
    if settings.allow_long_pii:
        return ()
    existing = set(await admin.list_topics())
    personal = {settings.topic_prefix + topic.name: topic for topic in TOPICS if topic.is_personal}
    configs = await _read_configs(
        admin, sorted(personal.keys() & existing), [_RETENTION, _SEGMENT, _CLEANUP]
    )
    return [
        TopicProblem(
            name,
            f"buyer data is kept there {_kept(config)}, and may be kept for 15 days",
            f"set {_CLEANUP}=delete, {_RETENTION}={personal[name].config[_RETENTION]} and "
            f"{_SEGMENT}={personal[name].config[_SEGMENT]}",
        )
        for name, config in configs.items()
        if _kept_ms(config) > PERSONAL_KEPT_MS
    ]


def _kept_ms(config: Mapping[str, str]) -> float:
    retention = int(config[_RETENTION])
    if retention < 0 or "delete" not in config[_CLEANUP]:
        return math.inf
    return retention + int(config[_SEGMENT])


def _kept(config: Mapping[str, str]) -> str:
    kept = _kept_ms(config)
    return "forever" if kept == math.inf else f"for {kept / _DAY_MS:.0f} days"


async def _read_configs(
    admin: AIOKafkaAdminClient, topics: Sequence[str], names: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    """Return the configuration of each topic whose configuration this user may read."""
    if not topics:
        return {}
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict.fromkeys(names))
        for topic in topics
    ]
    configs: dict[str, Mapping[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for code, _, _, topic, entries in response.resources:
            config = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
            if not code and config.keys() >= {*names}:
                configs[topic] = config
    return configs
