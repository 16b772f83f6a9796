"""Produces record batches as they are, past everything a client would do to them."""

from typing import Any, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import BrokerResponseError, for_code
from aiokafka.protocol.produce import ProduceRequest

from tests.faults.wire.batches import WireBatch

_AGAIN = {3, 5, 6}
"""Codes of a topic whose leader is not known yet."""


class WireProducer:
    """Sends whole batches to one partition each."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        self._client: Any = self._producer.client

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(self, topic: str, partition: int, batch: WireBatch) -> int:
        """Send a batch; return its first offset.

        Raises:
            KafkaError: The broker does not take it.
        """
        data = batch.encode()
        while True:
            await self._client._wait_on_metadata(topic)
            node = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
            if node is not None:
                code, offset = await self._once(node, topic, partition, data)
                if not code:
                    return offset
                if code not in _AGAIN:
                    error: type[BrokerResponseError] = for_code(code)
                    raise error
            await self._client.force_metadata_update()

    async def _once(self, node: int, topic: str, partition: int, data: bytes) -> tuple[int, int]:
        request = ProduceRequest(
            transactional_id=None,
            required_acks=-1,
            timeout=30_000,
            topics=[(topic, [(partition, data)])],
        )
        answer = await self._client.send(node, request)
        ((_, ((_, code, offset, *_),)),) = answer.topics
        return code, offset
