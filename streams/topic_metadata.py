"""Fetch of topics what aiokafka does not: their ids, and what the user may do there (KIP-430).

An id tells a recreated topic from the one deleted under its name. aiokafka requests metadata in
versions without either, so the request is defined here.
"""

from collections.abc import Collection, Mapping
from io import BytesIO
from typing import Any, ClassVar

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_METADATA, _VERSION = 3, 12
_UNKNOWN = "0" * 32


class _Uuid:
    """Sixteen bytes on the wire, 32 hexadecimal digits in Python."""

    @classmethod
    def encode(cls, value: str) -> bytes:
        return bytes.fromhex(value)

    @classmethod
    def decode(cls, data: BytesIO) -> str:
        return data.read(16).hex()


_TEXT = CompactString("utf-8")


class _TopicsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", _TEXT),
                ("port", Int32),
                ("rack", _TEXT),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync_replicas", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _TopicsRequestStruct(RequestStruct):  # type: ignore[misc]  # the same
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = _VERSION
    RESPONSE_TYPE: ClassVar[type[Response]] = _TopicsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("name", _TEXT), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicsRequest(Request[_TopicsRequestStruct]):  # type: ignore[misc]  # the same
    """Asks for topics, with `operations` also for what the user may do on each.

    Each topic of the response is its error code, name, id, whether it is internal, its partitions,
    its operations as bits, and tags. Kafka knows it from 3.1 on.
    """

    API_KEY = _METADATA

    def __init__(self, topics: Collection[str], *, operations: bool = False) -> None:
        self._topics = topics
        self._operations = operations

    def build(self, request_struct_class: type[_TopicsRequestStruct]) -> _TopicsRequestStruct:
        """Return the request."""
        topics: list[tuple[str, str, dict[int, bytes]]] = [
            (_UNKNOWN, topic, {}) for topic in self._topics
        ]
        return request_struct_class(topics, False, self._operations, {})


async def fetch_topic_ids(client: Any, topics: Collection[str]) -> Mapping[str, str]:
    """Return the ids of the topics that exist, by their names.

    Raises:
        KafkaError: No broker answers.
    """
    response = await client.send(client.get_random_node(), TopicsRequest(sorted(topics)))
    return {name: topic_id for code, name, topic_id, *_ in response.topics if not code}
