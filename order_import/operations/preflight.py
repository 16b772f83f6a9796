"""The preflight: check everything that an installation needs, and change nothing."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError

from models.errors import OrderImportError
from models.topics import TOPICS, Topic
from order_import.bootstrap import (
    connect_admin,
    connect_database,
    group_of,
    kafka_options,
    why_unreachable,
)
from order_import.buyer_keys import read_buyer_keys
from order_import.errors import describe
from order_import.operations.install import retention_problems, topic_problems
from order_import.operations.permissions import (
    Broker,
    Operation,
    connect_broker,
    group_operations,
)
from order_import.settings import (
    PREFIX,
    Settings,
    SettingsError,
    exposed_files,
    is_writable_by_others,
)
from storage.mongo.inspection import IndexState, MongoInspection
from storage.mongo.storage import LAYOUT
from streams.clock import now

_TIMEOUT = 30.0
_MONGODB_VERSION = 8
_PRODUCE, _PRODUCE_OF_KAFKA_4 = 0, 12
"""The code of Kafka's produce request, and its version that came with Kafka 4.0."""
_MAX_SKEW = 5.0
"""Seconds by which clocks may differ."""
_RUN_INIT = "run: order-import init"
_WARNING_ONLY = {"retention.ms", "segment.ms"}
"""Topic settings whose other value may be meant; of all others it is a fault."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result: what was checked, what was found, and what to do about it."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


async def check_installation(settings: Settings) -> Sequence[Finding]:
    """Return a finding for each check. A server that does not answer is a finding."""
    findings = [Finding(Level.OK, "settings", "all are valid"), *_check_files(settings)]
    for name, check in (("Kafka", _check_kafka), ("MongoDB", _check_mongodb)):
        try:
            async with asyncio.timeout(_TIMEOUT):
                async for finding in check(settings):
                    findings.append(finding)  # noqa: PERF401 - those before an error count, too
        except TimeoutError:
            findings.append(Finding(Level.FAULT, name, "no answer in time"))
        except (KafkaError, OrderImportError, OSError) as error:
            findings.append(Finding(Level.FAULT, name, f"does not answer: {describe(error)}"))
    return findings


_FILES = (
    *("kafka_ssl_ca_file", "kafka_ssl_cert_file", "kafka_ssl_key_file", "kafka_sasl_token_file"),
    *("mongo_tls_ca_file", "mongo_tls_cert_key_file", "console_users_file"),
)


def _check_files(settings: Settings) -> Iterator[Finding]:
    """Check the files that settings name: keys, certificates and secrets."""
    count = 0
    for name in _FILES:
        path: Path | None = getattr(settings, name)
        if path is not None:
            count += 1
            try:
                path.read_bytes()
            except OSError as error:
                setting = f"{PREFIX}{name.upper()}"
                yield Finding(Level.FAULT, setting, f"cannot read {path}: {error.strerror}")
    for file in exposed_files(settings):
        text = f"other users on this machine can read {file.path}"
        yield Finding(Level.WARNING, file.setting, text, "chmod 600")
    try:
        read_buyer_keys(settings)
    except SettingsError as error:
        setting, _, text = str(error).partition(": ")
        yield Finding(Level.FAULT, setting, text)
    users = settings.console_users_file
    if users is not None and is_writable_by_others(users):
        text = f"other users on this machine can change {users}"
        yield Finding(Level.FAULT, f"{PREFIX}CONSOLE_USERS_FILE", text, "chmod 600")
    if count:
        yield Finding(Level.OK, "files", f"settings name {count}")


async def _check_kafka(settings: Settings) -> AsyncIterator[Finding]:
    try:
        kafka_options(settings)
    except (ssl.SSLError, OSError) as error:
        yield Finding(Level.FAULT, "Kafka", f"keys and certificates: {describe(error)}")
        return
    reason = await why_unreachable(settings)
    if reason is not None:
        yield Finding(Level.FAULT, "Kafka", f"{settings.kafka_bootstrap_servers}: {reason}")
        return
    yield Finding(Level.OK, "Kafka", f"{settings.kafka_bootstrap_servers} answers")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(connect_broker(settings))
        admin = await stack.enter_async_context(connect_admin(settings))
        if (await broker.versions()).get(_PRODUCE, 0) < _PRODUCE_OF_KAFKA_4:
            text = "is older than 4.0, with which this program is not tested"
            yield Finding(Level.WARNING, "Kafka's version", text, "upgrade the brokers")
        else:
            yield Finding(Level.OK, "Kafka's version", "4.0 or newer")
        for finding in await _check_topics(settings, admin):
            yield finding
        for finding in await _check_permissions(settings, broker, admin):
            yield finding


async def _check_topics(settings: Settings, admin: AIOKafkaAdminClient) -> Sequence[Finding]:
    problems = [
        *await topic_problems(settings, admin),
        *await retention_problems(settings, admin),
    ]
    findings = [
        Finding(Level.FAULT, f"topic {problem.topic}", problem.problem, problem.remedy)
        for problem in problems
    ]
    topics = {settings.topic_prefix + topic.name: topic for topic in TOPICS}
    existing = await admin.describe_topics(list(topics))
    for described in existing:
        if not described["error_code"]:
            name = described["topic"]
            findings += _check_partitions(settings, name, topics[name], described["partitions"])
    visible = [described["topic"] for described in existing if not described["error_code"]]
    for name, config in (await _read_configs(admin, visible)).items():
        findings += _check_config(name, topics[name], config)
    if not findings:
        findings.append(Finding(Level.OK, "topics", f"all {len(TOPICS)} are as init makes them"))
    return findings


def _check_partitions(
    settings: Settings, name: str, topic: Topic, partitions: Sequence[Mapping[str, object]]
) -> Iterator[Finding]:
    if topic.partitions is not None and len(partitions) != topic.partitions:
        text = f"has {len(partitions)} partitions, and its order needs {topic.partitions}"
        yield Finding(Level.FAULT, f"topic {name}", text, "recreate the topic")
    replicas = min((len(_list(partition["replicas"])) for partition in partitions), default=0)
    if replicas < settings.topic_replication_factor:
        text = f"has {replicas} replicas instead of {settings.topic_replication_factor}"
        yield Finding(Level.WARNING, f"topic {name}", text, "reassign its partitions")
    behind = sum(
        len(_list(partition["isr"])) < len(_list(partition["replicas"])) for partition in partitions
    )
    if behind:
        text = f"a replica is behind in {behind} of {len(partitions)} partitions"
        yield Finding(Level.WARNING, f"topic {name}", text, "check the brokers")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _check_config(name: str, topic: Topic, config: Mapping[str, str]) -> Iterator[Finding]:
    for key, expected in topic.config.items():
        value = config.get(key)
        # A larger limit is fine, and a smaller one of a topic that is written is found before.
        if value in {None, expected} or key == "max.message.bytes":
            continue
        level = Level.WARNING if key in _WARNING_ONLY else Level.FAULT
        yield Finding(level, f"topic {name}", f"{key} is {value}", f"set {key}={expected}")


async def _read_configs(
    admin: AIOKafkaAdminClient, topics: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    """Return the configuration of each topic whose configuration the user may read."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    if not resources:
        return {}
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for response in await admin.describe_configs(resources)
        for code, _, _, name, entries in response.resources
        if not code
    }


async def _check_permissions(
    settings: Settings, broker: Broker, admin: AIOKafkaAdminClient
) -> Sequence[Finding]:
    """Check what the user may do on the topics and the group of the worker."""
    topics = {settings.topic_prefix + topic.name: topic for topic in TOPICS}
    try:
        allowed = await broker.topic_operations(list(topics))
    except IncompatibleBrokerVersion:
        text = "are not known: the broker is older than 3.1"
        return [Finding(Level.WARNING, "Kafka's permissions", text, "upgrade the brokers")]
    findings: list[Finding] = []
    for name, operations in allowed.items():
        needed = {Operation.READ, Operation.DESCRIBE}
        if topics[name].writes:
            needed |= {Operation.WRITE, Operation.DESCRIBE_CONFIGS}
        findings += _missing(f"topic {name}", needed - operations)
    group = group_of(settings)
    operations = await group_operations(admin, group)
    findings += _missing(f"group {group}", {Operation.READ} - operations)
    if not findings:
        text = "the worker's are granted on all visible topics and the group"
        findings.append(Finding(Level.OK, "Kafka's permissions", text))
    return findings


def _missing(subject: str, operations: set[Operation]) -> Iterator[Finding]:
    if operations:
        names = ", ".join(operation.name for operation in sorted(operations))
        text = f"this user may not {names}"
        yield Finding(Level.FAULT, subject, text, f"grant {names}")


async def _check_mongodb(settings: Settings) -> AsyncIterator[Finding]:
    async with connect_database(settings) as database:
        inspection = database.inspection
        server = await inspection.server()
        yield Finding(Level.OK, "MongoDB", "answers")
        major = server.version.partition(".")[0]
        is_new = major.isdigit() and int(major) >= _MONGODB_VERSION
        yield Finding(
            Level.OK if is_new else Level.FAULT,
            "MongoDB's version",
            server.version,
            "" if is_new else f"{_MONGODB_VERSION}.0 or newer is needed",
        )
        if server.replica_set is None:
            text = "is in no replica set, and transactions need one"
            yield Finding(Level.FAULT, "MongoDB", text, "start it as a replica set")
        skew = abs((server.at - now()).total_seconds())
        yield Finding(
            Level.OK if skew <= _MAX_SKEW else Level.FAULT,
            "clock",
            f"differs from MongoDB's by {skew:.1f} s",
            "" if skew <= _MAX_SKEW else "synchronize the clocks",
        )
        for finding in await _check_access(inspection):
            yield finding
        layout = await inspection.layout()
        yield _check_layout(layout)
        if layout is not None:
            for finding in await _check_indexes(inspection):
                yield finding


async def _check_access(inspection: MongoInspection) -> Sequence[Finding]:
    missing = await inspection.missing_permissions()
    if missing is None:
        text = "anybody who reaches it may do anything"
        return [Finding(Level.WARNING, "MongoDB's permissions", text, "turn on access control")]
    if missing:
        text = f"this user may not {', '.join(missing)} in both databases"
        return [Finding(Level.FAULT, "MongoDB's permissions", text, "grant readWrite on both")]
    return [Finding(Level.OK, "MongoDB's permissions", "readWrite is granted")]


def _check_layout(layout: int | None) -> Finding:
    if layout is None:
        return Finding(Level.FAULT, "database", "is empty", _RUN_INIT)
    if layout != LAYOUT:
        text = f"has layout {layout}, and this version needs {LAYOUT}"
        return Finding(Level.FAULT, "database", text, "use the version that it belongs to")
    return Finding(Level.OK, "database", f"has layout {layout}")


_INDEX_FINDINGS = {
    IndexState.MISSING: (Level.FAULT, "is missing", _RUN_INIT),
    IndexState.DIFFERENT: (Level.FAULT, "has other options", f"drop it, and {_RUN_INIT}"),
    IndexState.UNKNOWN: (Level.WARNING, "is not one of this program's", "drop it if unused"),
}


async def _check_indexes(inspection: MongoInspection) -> Sequence[Finding]:
    findings = []
    for problem in await inspection.index_problems():
        level, text, remedy = _INDEX_FINDINGS[problem.state]
        findings.append(Finding(level, f"index {problem.index}", text, remedy))
    return findings or [Finding(Level.OK, "indexes", "all exist")]
