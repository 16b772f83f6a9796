"""Ask a Kafka broker what it speaks, and what its user may do on topics (KIP-430)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    IncompatibleBrokerVersion,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.admin import (
    ApiVersionRequest,
    DescribeGroupsRequest_v3,
    DescribeGroupsResponse_v3,
)
from tenacity import retry, retry_if_exception_type, wait_fixed

from order_import.bootstrap import kafka_options
from order_import.settings import Settings
from streams.topic_metadata import TopicsRequest

# aiokafka reads the response as one of version 2, which has no permissions at its end.
DescribeGroupsRequest_v3.RESPONSE_TYPE = DescribeGroupsResponse_v3


class Operation(IntEnum):
    """An operation of Kafka's access control, by its code. The codes never change."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10


class Broker:
    """A connection to one broker."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def versions(self) -> Mapping[int, int]:
        """Return the highest version of each of the broker's requests, by the request's code."""
        response = await self._connection.send(ApiVersionRequest())
        return {key: highest for key, _, highest in response.api_versions}

    async def topic_operations(self, topics: Sequence[str]) -> Mapping[str, frozenset[int]]:
        """Return what the user may do, per visible topic.

        Raises:
            IncompatibleBrokerVersion: The broker is older than Kafka 3.1.
        """
        try:
            response = await self._connection.send(TopicsRequest(topics, operations=True))
        except NotImplementedError:
            raise IncompatibleBrokerVersion from None
        return {
            topic: _operations(bits) for code, topic, *_, bits, _ in response.topics if not code
        }


_NOT_YET = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)


@retry(retry=retry_if_exception_type(_NOT_YET), wait=wait_fixed(0.2))
async def group_operations(admin: AIOKafkaAdminClient, group: str) -> frozenset[int]:
    """Return what the user may do on a consumer group; nothing if it is not visible.

    A new cluster first has to create its topic of offsets, and to load it: then this waits.

    Raises:
        KafkaError: Kafka does not answer.
    """
    try:
        answers = await admin.describe_consumer_groups([group], include_authorized_operations=True)
        ((code, *_, bits),) = [described for answer in answers for described in answer.groups]
        if code:
            raise for_code(code)
    except GroupAuthorizationFailedError:
        return frozenset()
    return _operations(bits)


def _operations(bits: int) -> frozenset[int]:
    return frozenset(operation for operation in Operation if bits & 1 << operation)


@asynccontextmanager
async def connect_broker(settings: Settings) -> AsyncIterator[Broker]:
    """Connect to the first server of the settings, and close the connection at the end.

    Raises:
        KafkaError: It does not answer, or refuses the user.
        OSError: The same.
    """
    host, _, port = settings.kafka_bootstrap_servers.split(",")[0].strip().rpartition(":")
    options = kafka_options(settings)
    del options["bootstrap_servers"]
    connection = await create_conn(host.strip("[]"), int(port), **options)
    try:
        yield Broker(connection)
    finally:
        connection.close()
