"""The boundary to Kafka's bytes: rule 28, batch by batch and byte by byte."""

import gzip
import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.memory_records import MemoryRecords

from models.messages import DeadLetterCode, Incoming, TopicPartition
from models.topics import MAX_MESSAGE_BYTES
from streams import decoding, decompression
from streams.decoding import MOST_BYTES, FetchedRecords
from streams.decompression import MAX_BYTES
from tests.faults.wire.batches import (
    Codec,
    WireBatch,
    WireRecord,
    body,
    compress,
    varint,
    with_checksum,
)
from tests.faults.wire.damage import FORGED, IN_PLACE, Edit, field

SOURCE = TopicPartition("amazon.orders", 3)
CODECS = [one for one in Codec if one is not Codec.UNKNOWN]
RECORD = WireRecord(b"key", b"value", [(b"store-id", b"us"), (b"none", None)], timestamp=5)


def read(data: bytes, start: int = 0, end: int = 1000, **more: object) -> list[Incoming]:
    return list(FetchedRecords(SOURCE, data, start, end, **more))  # type: ignore[arg-type]


def read_log(
    log: Sequence[bytes], firsts: Sequence[int], end: int, start: int = 0
) -> list[Incoming]:
    """Read as a consumer does: again from where the last fetch ended, until the end."""
    records: list[Incoming] = []
    doubts: dict[TopicPartition, int] = {}
    position, idle = start, 0
    while position < end:
        at = max(place for place, first in enumerate(firsts) if first <= position)
        fetched = FetchedRecords(SOURCE, b"".join(log[at:]), position, end, (), doubts)
        records += fetched
        idle = 0 if fetched.next_fetch_offset > position else idle + 1
        assert idle < 2, f"nothing goes on from {position}"
        position = fetched.next_fetch_offset
    return records


def a_log(*sizes: int, codec: Codec = Codec.NONE) -> tuple[list[bytes], list[int], int]:
    """Give batches of so many records, their first offsets, and the end."""
    firsts = [sum(sizes[:at]) for at in range(len(sizes))]
    batches = [
        WireBatch([RECORD] * size, base_offset=first, codec=codec).encode()
        for first, size in zip(firsts, sizes, strict=True)
    ]
    return batches, firsts, sum(sizes)


def offsets(records: Iterable[Incoming]) -> list[int | tuple[int, int]]:
    """Give the offsets, and what one record that cannot be read stands for."""
    return [one.offset if one.refusal is None else (one.offset, one.last_offset) for one in records]


@pytest.mark.parametrize("codec", CODECS)
def test_sound_batches_are_read_as_aiokafka_reads_them(codec: Codec) -> None:
    records = [
        RECORD,
        WireRecord(),
        WireRecord(b"", b"", [(b"", b"")], timestamp=-70),
        WireRecord(b"k" * 70, b"v" * 9000, [(b"h" * 200, b"x" * 300)] * 80, timestamp=2**40),
        *[WireRecord(b"%d" % n, b"%d" % n * n) for n in range(200)],
    ]
    data = WireBatch(records, base_offset=7, codec=codec).encode()
    data += WireBatch([RECORD], base_offset=7 + len(records)).encode()
    theirs = PartitionRecords(
        KafkaPartition(*SOURCE), MemoryRecords(data), [], 9, None, None, check_crcs=True,
        isolation_level=1,
    )  # fmt: skip
    assert [
        (one.topic, one.partition, one.offset, one.timestamp, one.key, one.value, one.headers)
        for one in theirs
    ] == [one[:7] for one in read(data, start=9)]


def test_a_header_name_that_is_not_utf8_does_not_cost_the_message() -> None:
    odd = WireRecord(b"k", b"v", [(b"\xff\xfe", b"1"), (b"store-id", b"us"), (b"\xc3\xa4", b"2")])
    (record,) = read(WireBatch([odd]).encode())
    assert record.refusal is None
    assert record.headers == (("\\xff\\xfe", b"1"), ("store-id", b"us"), ("ä", b"2"))


def test_messages_of_aborted_transactions_and_control_batches_are_passed_over() -> None:
    def of(producer: int, base: int, **more: Any) -> bytes:
        batch = WireBatch([RECORD, RECORD], base_offset=base, producer_id=producer, **more)
        return batch.encode()

    data = b"".join([
        of(1, 0, transactional=True),
        of(2, 2, transactional=True),
        of(1, 4, control=True, transactional=True),
        of(1, 6, transactional=True),
        of(1, 8),
        of(2, 10, control=True, transactional=True),
    ])  # fmt: skip
    fetched = FetchedRecords(SOURCE, data, 0, 12, [(1, 0)])
    assert offsets(fetched) == [2, 3, 6, 7, 8, 9]
    assert fetched.next_fetch_offset == 12
    aborted = FetchedRecords(SOURCE, of(1, 0, transactional=True), 0, 2, [(1, 0)])
    assert not list(aborted)
    assert aborted.next_fetch_offset == 2


def test_a_batch_is_read_from_its_middle_and_a_cut_off_one_not_at_all() -> None:
    (first, second), _, _ = a_log(5, 5)
    assert offsets(read(first + second, start=3)) == [3, 4, 5, 6, 7, 8, 9]
    for length in range(len(second)):
        assert offsets(read(first + second[:length])) == [0, 1, 2, 3, 4]


def test_gaps_of_compaction_stay_gaps() -> None:
    kept = [WireRecord(raw=body(RECORD, place)) for place in (1, 4)]
    batch = WireBatch(kept, base_offset=10, count=2, last_delta=6).encode()
    fetched = FetchedRecords(SOURCE, batch, 10, 17)
    assert offsets(fetched) == [11, 14]
    assert fetched.next_fetch_offset == 17
    empty = FetchedRecords(SOURCE, WireBatch([], count=0, last_delta=6).encode(), 0, 7)
    assert not list(empty)
    assert empty.next_fetch_offset == 7


@pytest.mark.parametrize("edit", [*IN_PLACE.values(), *FORGED.values()], ids=[*IN_PLACE, *FORGED])
def test_a_broken_batch_is_one_record_and_those_around_it_are_read(edit: Edit) -> None:
    log, firsts, end = a_log(3, 3, 3)
    log[1] = edit(log[1])
    records = read_log(log, firsts, end)
    assert offsets(records) == [0, 1, 2, (3, 5), 6, 7, 8]
    assert records[3].value == log[1]
    assert records[3].refusal is not None
    assert records[3].refusal.code is DeadLetterCode.UNREADABLE


FRONT = b"\0\0" + varint(1)
EMPTY = varint(-1) + varint(-1)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(body(RECORD, 1)[:-1], id="too short"),
        pytest.param(body(RECORD, 1) + b"?", id="too long"),
        pytest.param(FRONT + varint(1000) + varint(-1) + varint(0), id="a key beyond it"),
        pytest.param(FRONT + EMPTY + varint(-1), id="fewer than no headers"),
        pytest.param(FRONT + EMPTY + varint(2**31 - 1), id="more headers than bytes"),
        pytest.param(FRONT + EMPTY + varint(1) + varint(-1) + varint(-1), id="a name of nothing"),
        pytest.param(FRONT + EMPTY + varint(1) + varint(9) + b"h", id="a name beyond it"),
        pytest.param(b"\0" + b"\xff" * 30, id="a number without an end"),
    ],
)
def test_a_broken_record_costs_itself_and_no_other(raw: bytes) -> None:
    log, firsts, end = a_log(3, 3, 3)
    records = [RECORD, WireRecord(raw=raw), RECORD]
    log[1] = WireBatch(records, base_offset=3).encode()
    found = read_log(log, firsts, end)
    assert offsets(found) == [0, 1, 2, 3, (4, 4), 5, 6, 7, 8]
    assert found[4].value == raw


def test_what_the_broker_lets_through_though_clients_should_not_write_it_is_read() -> None:
    """Lengths below none, attributes not in use, and every record's offset the batch's own."""
    odd = [
        WireRecord(raw=b"\0\0\0" + varint(-7) + varint(-9) + varint(0)),
        WireRecord(raw=b"\xff" + body(RECORD, 0)[1:]),
        WireRecord(raw=body(RECORD, 900)),
    ]
    records = read(WireBatch(odd).encode())
    assert [(one.offset, one.key, one.value) for one in records] == [
        (0, None, None),
        (1, b"key", b"value"),
        (2, b"key", b"value"),
    ]


def test_a_checksum_that_fails_once_is_no_loss() -> None:
    """The second fetch brings what is on the disk."""
    (batch,), _, _ = a_log(3)
    doubts: dict[TopicPartition, int] = {}
    garbled = FetchedRecords(SOURCE, batch[:-1] + b"?", 0, 3, (), doubts)
    assert not list(garbled)
    assert garbled.next_fetch_offset == 0
    assert offsets(FetchedRecords(SOURCE, batch, 0, 3, (), doubts)) == [0, 1, 2]


@pytest.mark.parametrize("length", [-5, 0, 30, 2**30])
def test_a_batch_that_hides_its_own_end_costs_one_offset_at_a_time(length: int) -> None:
    """Where the next one begins nobody knows but the broker, which is asked for the next offset."""
    log, firsts, end = a_log(3, 3)
    log[0] = field(8, ">i", length, sealed=False)(log[0])
    assert offsets(read_log(log, firsts, end)) == [(0, 0), (1, 1), (2, 2), 3, 4, 5]


def test_want_of_memory_is_no_fault_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(decoding, "decompress", no_memory)
    with pytest.raises(MemoryError):
        read(WireBatch([RECORD]).encode())


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_bomb_is_refused_before_it_is_unpacked_and_the_next_batch_is_read(codec: Codec) -> None:
    bomb = compress(bytes(MAX_BYTES + 1), codec)
    log, firsts, end = a_log(1, 1, 1)
    log[1] = WireBatch([RECORD], base_offset=1, codec=codec, payload=bomb).encode()
    records = read_log(log, firsts, end)
    assert offsets(records) == [0, (1, 1), 2]
    assert records[1].refusal is not None
    assert str(MAX_BYTES) in records[1].refusal.message


@pytest.mark.parametrize("filling", [b"", bytes(MAX_BYTES - 6)], ids=["small", "large"])
def test_gzip_may_have_several_members_and_nothing_that_is_none(filling: bytes) -> None:
    def read_gzip(data: bytes) -> bytes:
        return bytes(decompression.decompress(data, decompression.Codec.GZIP))

    members = gzip.compress(b"one" + filling) + gzip.compress(b"two")
    assert read_gzip(members) == b"one" + filling + b"two"
    too_large = members + gzip.compress(bytes(MAX_BYTES))
    for data in (members[:-1], members[:-15], members[:5], b"", members + b"\0", too_large):
        with pytest.raises(decompression.DecompressionError):
            read_gzip(data)


@pytest.mark.parametrize("codec", CODECS)
def test_a_large_message_is_read_and_more_headers_than_one_can_hold_are_not(codec: Codec) -> None:
    large = WireRecord(b"k", bytes(MAX_MESSAGE_BYTES + 1))
    many_headers = WireRecord(b"k", b"v", [(b"", None)] * (MAX_MESSAGE_BYTES // 2 + 1))
    data = WireBatch([RECORD, large, many_headers, RECORD], codec=codec).encode()
    records = read(data)
    assert offsets(records) == [0, 1, (2, 2), 3]
    assert (records[1].key, records[1].value) == (b"k", bytes(MAX_MESSAGE_BYTES + 1))
    assert records[2].refusal is not None
    assert records[2].refusal.message == "record: expected headers of at most 2097152 bytes"


def test_what_is_handed_over_at_once_is_bounded_by_what_it_takes_in_memory() -> None:
    many_headers = WireRecord(b"k", b"v", [(b"", None)] * 50_000)
    log = [WireBatch([many_headers] * 9, codec=Codec.ZSTD).encode()]
    first = read(log[0])
    assert len(first) < 9
    assert sum(one.size for one in first) < MOST_BYTES + first[0].size
    assert offsets(read_log(log, [0], 9)) == list(range(9))


def test_whatever_bytes_come_every_offset_is_answered_once_and_sound_batches_are_read() -> None:
    """Three batches, of which the second is changed anywhere."""
    chance = random.Random(20_261_127)
    for _ in range(1500):
        log, firsts, end = a_log(2, chance.randrange(1, 5), 2, codec=chance.choice(CODECS))
        log[1] = _changed(log[1], chance)
        records = read_log(log, firsts, end)
        assert offsets(records[:2]) == [0, 1]
        assert offsets(records[-2:]) == [end - 2, end - 1]
        for one, following in pairwise(records):
            assert one.last_offset < following.offset
        for one in records:
            assert one.offset <= one.last_offset < end


def _changed(batch: bytes, chance: random.Random) -> bytes:
    is_sealed = chance.random() < 0.7
    # The broker finds batches by their offsets and lengths, and has seen to it that they are right.
    places = [*range(12, 23), *range(27, len(batch))] if is_sealed else range(12, len(batch))
    changed = bytearray(batch)
    for _ in range(chance.choice([1, 1, 2, 8])):
        changed[chance.choice(places)] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, 0x55])
    return with_checksum(bytes(changed)) if is_sealed else bytes(changed)


def test_random_bytes_are_no_records_and_no_error() -> None:
    chance = random.Random(20_261_128)
    for size in range(200):
        for record in read(chance.randbytes(size), end=5):
            assert record.refusal is not None
