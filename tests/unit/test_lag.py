"""Lag: whatever stands in a topic, there is an answer."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import TopicPartition

from models.messages import DeadLetterCode, Incoming, Rejection
from order_import.operations.lag import LagMeter

DAMAGED = Rejection(code=DeadLetterCode.UNREADABLE, message="record: expected all its fields")
SENT = datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)


def a_record(timestamp: int, refusal: Rejection | None = None) -> Incoming:
    return Incoming("amazon.orders", 0, 0, timestamp, None, b"{}", (), 1, 0, refusal)


class OldestRecords:
    """A consumer of partitions with one record each; None is a mark that ends a transaction."""

    def __init__(self, records: Sequence[Incoming | None]) -> None:
        self._records = dict(enumerate(records))

    def assign(self, partitions: object) -> None:
        pass

    def unsubscribe(self) -> None:
        pass

    def seek(self, partition: object, offset: int) -> None:
        pass

    async def getmany(
        self, *partitions: TopicPartition, max_records: int, **_: object
    ) -> Mapping[TopicPartition, Sequence[Incoming]]:
        await asyncio.sleep(0)
        assert max_records == 1
        for partition in partitions:
            if (record := self._records.pop(partition.partition)) is not None:
                return {partition: [record]}
        return {}

    def next_offset(self, partition: TopicPartition) -> int:
        return 0 if partition.partition in self._records else 1


@pytest.mark.parametrize(
    ("records", "oldest"),
    [
        ([a_record(1_795_000_000_000)], SENT),
        ([a_record(0, DAMAGED), a_record(1_795_000_000_000)], SENT),
        ([a_record(2**63 - 1), a_record(-(2**63)), a_record(1_795_000_000_000)], SENT),
        ([a_record(253_402_300_799_999), a_record(1_795_000_000_000)], SENT),
        ([a_record(0)], datetime(1970, 1, 1, tzinfo=UTC)),
        ([a_record(-1)], None),
        ([a_record(0, DAMAGED)], None),
        ([None], None),
    ],
)
async def test_what_has_no_time_of_its_own_has_no_age_and_hides_no_other(
    records: Sequence[Incoming | None], oldest: datetime | None
) -> None:
    consumer: Any = OldestRecords(records)
    meter: Any = LagMeter((), None, consumer)
    undecided = {TopicPartition("amazon.orders", at): range(1) for at in range(len(records))}
    found = await meter._oldest(undecided)
    assert min(found.values(), default=None) == oldest
    # Marks are nothing that is to be decided.
    assert len(undecided) == len([one for one in records if one is not None])
