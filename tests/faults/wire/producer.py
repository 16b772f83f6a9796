"""Produces record batches as they are, past everything a client would do to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import BrokerResponseError, for_code
from aiokafka.protocol.produce import ProduceRequest

from tests.faults.wire.batches import WireBatch

_AGAIN = {3, 5, 6}
"""Codes of a topic whose leader is not known yet."""


class WireProducer:
    """Sends whole batches to one partition each; idempotent or transactional if it is told to."""

    def __init__(self, bootstrap: str, **options: Any) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
        self._client: Any = self._producer.client
        self._transactional_id: str | None = options.get("transactional_id")
        self._in_transaction = False

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    @asynccontextmanager
    async def transaction(self, topic: str, partition: int, *, commits: bool) -> AsyncIterator[int]:
        """Have what is sent to a partition be of one transaction; give its first message's offset.

        That one is empty: with it the client adds the partition to the transaction.
        """
        await self._producer.begin_transaction()
        first = await self._producer.send_and_wait(topic, b"", partition=partition)
        self._in_transaction = True
        try:
            yield first.offset
        finally:
            self._in_transaction = False
            ended = self._producer.commit_transaction if commits else None
            await (ended or self._producer.abort_transaction)()

    async def send(self, topic: str, partition: int, batch: WireBatch) -> int:
        """Send a batch; return its first offset.

        Raises:
            KafkaError: The broker does not take it.
        """
        place = TopicPartition(topic, partition)
        numbers: Any = self._producer._txn_manager
        if numbers is not None:
            batch = replace(
                batch,
                producer_id=numbers.producer_id,
                epoch=numbers.producer_epoch,
                sequence=numbers.sequence_number(place),
                transactional=self._in_transaction,
            )
        offset = await self._until_taken(place, batch.encode())
        if numbers is not None:
            numbers.increment_sequence_number(place, len(batch.records))
        return offset

    async def _until_taken(self, place: TopicPartition, data: bytes) -> int:
        while True:
            await self._client._wait_on_metadata(place.topic)
            node = self._client.cluster.leader_for_partition(place)
            if node is not None:
                code, offset = await self._once(node, place, data)
                if not code:
                    return offset
                if code not in _AGAIN:
                    error: type[BrokerResponseError] = for_code(code)
                    raise error
            await self._client.force_metadata_update()

    async def _once(self, node: int, place: TopicPartition, data: bytes) -> tuple[int, int]:
        request = ProduceRequest(
            transactional_id=self._transactional_id if self._in_transaction else None,
            required_acks=-1,
            timeout=30_000,
            topics=[(place.topic, [(place.partition, data)])],
        )
        answer = await self._client.send(node, request)
        ((_, ((_, code, offset, *_),)),) = answer.topics
        return code, offset
