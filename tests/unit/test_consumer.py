"""The consumer: what becomes of a broker's answers."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import TopicAuthorizationFailedError
from structlog.testing import capture_logs

from models.messages import Incoming
from streams import consumer
from streams.consumer import CommittedFetcher, Consumer, first_served
from tests.faults.wire.batches import WireBatch, WireRecord

HERE = TopicPartition("amazon.orders", 0)
UNKNOWN, OUT_OF_RANGE, CORRUPT, UNKNOWN_TOPIC, UNAUTHORIZED = -1, 1, 2, 3, 29
NO_REPLICA, STORAGE_ERROR, NOT_AVAILABLE, FENCED = 9, 56, 78, 74


class Broker:
    """A client whose one broker gives the answers it was told to."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.metadata_updates = 0
        self.damaged = range(0)
        """What is not served when no answer is told."""

    async def send(self, node: int, request: Any) -> Any:
        assert (node, request.topics[0][0]) == (1, HERE.topic)
        ((_, ((_, offset, _),)),) = request.topics
        if self.answers:
            code, data = self.answers.pop(0)
        else:
            code = CORRUPT if offset in self.damaged else 0
            data = b"" if code else a_batch(offset).encode()
        part = (HERE.partition, code, 9, 9, 0, None, -1, data)
        return SimpleNamespace(topics=[(HERE.topic, [part])])

    def force_metadata_update(self) -> None:
        self.metadata_updates += 1


def a_batch(offset: int) -> WireBatch:
    return WireBatch([WireRecord(b"k", b"v")], base_offset=offset)


class Kit:
    """A consumer's fetcher with one partition assigned, at an offset."""

    def __init__(self, offset: int) -> None:
        self.broker = Broker()
        fetcher: Any = CommittedFetcher.__new__(CommittedFetcher)
        fetcher.prepare()
        vars(fetcher).update(
            _client=self.broker, _retry_backoff=0, _prefetch_backoff=0, _records={}
        )
        self.fetcher = fetcher
        self.assignment = Assignment([HERE])
        self.state = self.assignment.state_value(HERE)
        self.state.seek(offset)
        self.consumer: Any = Consumer.__new__(Consumer)
        self.consumer._committed_fetcher = fetcher

    async def fetch(self, code: int = 0, data: bytes = b"") -> list[Incoming]:
        self.broker.answers.append((code, data))
        one = (HERE.partition, self.state.position, 1_000_000)
        request = SimpleNamespace(topics=[(HERE.topic, [one])])
        has_news = await self.fetcher._proc_fetch_request(self.assignment, 1, request)
        assert has_news == (HERE in self.fetcher._records)
        result = self.fetcher._records.pop(HERE, None)
        return [] if result is None else result.getall()


async def test_what_is_fetched_is_read_and_a_broken_batch_is_fetched_once_more() -> None:
    kit = Kit(3)
    assert [one.offset for one in await kit.fetch(data=a_batch(3).encode())] == [3]
    assert kit.state.position == 4
    broken = a_batch(4).encode()[:-1] + b"?"
    assert await kit.fetch(data=broken) == []
    assert kit.state.position == 4
    (record,) = await kit.fetch(data=broken)
    assert (record.offset, record.refusal is None) == (4, False)
    assert kit.state.position == 5


async def test_where_reading_goes_on_after_an_offset_that_is_deleted_is_told_once() -> None:
    kit = Kit(3)
    await kit.fetch(OUT_OF_RANGE)
    assert kit.consumer.take_reset(HERE) is None
    assert kit.state.awaiting_reset
    kit.state.reset_to(6)
    # Kafka deleted more meanwhile: what was to be read first counts.
    await kit.fetch(OUT_OF_RANGE)
    kit.state.reset_to(7)
    await kit.fetch(data=a_batch(7).encode())
    assert kit.consumer.take_reset(HERE) == (3, 7)
    assert kit.consumer.take_reset(HERE) is None


async def test_a_refusal_is_told_once_for_each_reason_until_the_broker_gives_again() -> None:
    kit = Kit(3)
    with capture_logs() as logs:
        await kit.fetch(CORRUPT)
        await kit.fetch(CORRUPT)
        await kit.fetch(data=a_batch(3).encode())
        await kit.fetch(CORRUPT)
    told = [(one["event"], one["offset"], one["error"]) for one in logs]
    assert told == [
        ("fetch-refused", 3, "CorruptRecordException"),
        ("fetch-refused", 4, "CorruptRecordException"),
    ]


async def test_a_topic_without_a_leader_is_looked_for_and_one_without_permission_is_an_error() -> (
    None
):
    kit = Kit(3)
    await kit.fetch(UNKNOWN_TOPIC)
    assert kit.broker.metadata_updates == 1
    kit.broker.answers.append((UNAUTHORIZED, b""))
    request = SimpleNamespace(topics=[(HERE.topic, [(HERE.partition, 3, 1)])])
    assert await kit.fetcher._proc_fetch_request(kit.assignment, 1, request)
    with pytest.raises(TopicAuthorizationFailedError):
        kit.fetcher._records[HERE].check_raise()


async def test_an_answer_that_comes_after_a_seek_is_dropped() -> None:
    kit = Kit(3)
    kit.broker.answers.append((0, a_batch(3).encode()))
    request = SimpleNamespace(topics=[(HERE.topic, [(HERE.partition, 3, 1)])])
    kit.state.seek(8)
    assert not await kit.fetcher._proc_fetch_request(kit.assignment, 1, request)
    assert not kit.fetcher._records


@pytest.mark.parametrize("end", [5, 6, 20, 1000])
@pytest.mark.parametrize("damage", [1, 2, 3, 7, 100, 999])
async def test_rule_28_the_first_offset_behind_damage_is_found(damage: int, end: int) -> None:
    asked: list[int] = []

    async def is_served(offset: int) -> bool:
        asked.append(offset)
        return offset >= 4 + damage

    found = await first_served(is_served, 4, end)
    assert found == (4 + damage if 4 + damage < end else None)
    assert all(4 < offset < end for offset in asked)
    assert len(asked) <= 25


async def test_rule_28_what_a_broker_cannot_read_itself_costs_what_is_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer, "UNSERVED_SECONDS", 0)
    kit = Kit(3)
    kit.fetcher._isolation_level = 1

    async def end_offsets(partitions: list[TopicPartition], _: int) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 9)

    kit.fetcher.end_offsets = end_offsets
    kit.broker.damaged = range(3, 6)
    (record,) = await kit.fetch(CORRUPT)
    assert (record.offset, record.last_offset, record.value) == (3, 5, None)
    assert record.refusal is not None
    assert kit.state.position == 6


@pytest.mark.parametrize("code", [UNKNOWN, NO_REPLICA, STORAGE_ERROR, NOT_AVAILABLE, FENCED])
async def test_a_broker_in_trouble_is_waited_for_though_it_gives_what_is_behind(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds may be well, and elsewhere: in another tier, or on another replica."""
    monkeypatch.setattr(consumer, "UNSERVED_SECONDS", 0)
    kit = Kit(3)
    kit.broker.damaged = range(3, 6)
    for _ in range(3):
        assert await kit.fetch(code) == []
    assert kit.state.position == 3


async def test_a_broker_too_old_to_tell_topic_ids_is_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kit = Kit(3)

    async def too_old(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(consumer, "fetch_topic_ids", too_old)
    kit.consumer._client = kit.broker
    assert await kit.consumer.topic_ids([HERE.topic]) == {}


async def test_rule_28_whoever_reads_reads_what_is_committed() -> None:
    reading: Any = Consumer(bootstrap_servers="127.0.0.1:1")
    assert reading._isolation_level == "read_committed"


async def test_new_topics_are_seen_within_a_minute_and_what_is_fetched_is_bounded() -> None:
    reading: Any = Consumer(bootstrap_servers="127.0.0.1:1")
    assert reading._client._metadata_max_age_ms <= 60_000 / 2
    assert reading._fetch_max_bytes <= 16 * 1024 * 1024
