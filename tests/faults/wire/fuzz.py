"""Odd but legal record batches by seed, and what is to become of each of their records."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.faults.wire.batches import Codec, HeaderBytes, WireBatch, WireRecord
from tests.integration.wire import order

MOMENTS = (0, 1, -1, -(2**63), 2**63 - 1, 253_402_300_799_999)
"""Timestamps at the ends of what there is, in milliseconds."""
CODECS = (Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD)
_MOST_OF_A_BATCH = 40
_MOST_BYTES = 1_900_000


@dataclass(frozen=True)
class Batch:
    """A batch to be sent, and for each record the order it tells of, if it tells of any."""

    batch: WireBatch
    orders: tuple[str | None, ...]


@dataclass
class Journal:
    """A batch that the broker has: where, and what was done with it."""

    partition: int
    offset: int
    orders: tuple[str | None, ...]
    aborted: bool = False
    damaged: str | None = None


def batches(chance: Random, records: int) -> Iterator[Batch]:
    """Give batches of so many records together."""
    made = 0
    while made < records:
        size = min(records - made, chance.randrange(1, _MOST_OF_A_BATCH + 1))
        found: list[tuple[WireRecord, str | None]] = []
        weight = 0
        while len(found) < size and weight < _MOST_BYTES:
            one = _record(chance, made + len(found))
            cost = _cost(one[0])
            if found and weight + cost > _MOST_BYTES:
                break
            found.append(one)
            weight += cost
        made += len(found)
        batch = WireBatch([record for record, _ in found], codec=chance.choice(CODECS))
        if chance.random() < 0.2:
            plain = [WireRecord(one.key, one.value, one.headers) for one in batch.records]
            batch = WireBatch(plain, codec=batch.codec, timestamp=chance.choice(MOMENTS))
        yield Batch(batch, tuple(key for _, key in found))


def a_sound_batch(number: int) -> Batch:
    """Give a batch of one order and nothing odd."""
    document = order(number)
    record = WireRecord(b"key", json.dumps(document).encode())
    return Batch(WireBatch([record]), (f"us/{document['amazon_order_id']}",))


def _cost(record: WireRecord) -> int:
    headers = sum(4 + len(name) + len(value or b"") for name, value in record.headers)
    return 40 + len(record.key or b"") + len(record.value or b"") + headers


def _record(chance: Random, number: int) -> tuple[WireRecord, str | None]:
    value, key = _value(chance, number)
    record = WireRecord(
        key=chance.choice([None, b"", b"\xff\xfe\0", b"k" * 2048, b"%d" % number]),
        value=value,
        headers=_headers(chance),
        timestamp=chance.choice([0, 0, 1, -1, 2**20, -(2**20)]),
    )
    return record, key


def _value(chance: Random, number: int) -> tuple[bytes | None, str | None]:
    """Give a value, and the `store/order` key if it is a sound order."""
    which = chance.random()
    if which < 0.7:
        document = order(number)
        return json.dumps(document).encode(), f"us/{document['amazon_order_id']}"
    if which < 0.701:
        return chance.randbytes(1_800_000), None
    if which < 0.702:
        return b" " * 1_800_000, None
    return chance.choice([None, b"", b"{}", b"null", b"\0", chance.randbytes(50)]), None


def _headers(chance: Random) -> list[HeaderBytes]:
    which = chance.random()
    if which < 0.5:
        return []
    if which < 0.5005:
        return [(b"", None)] * 100_000
    count = 1000 if which < 0.505 else chance.randrange(1, 6)
    return [
        (_name(chance), chance.choice([None, b"", b"\xff\xfe", b"v" * 50])) for _ in range(count)
    ]


def _name(chance: Random) -> bytes:
    odd = [b"", b"\xff\xfe", b"\xed\xa0\x80", b"a\0b", b"n" * 300, b"traceparent", b"redrive-count"]
    return chance.choice([*odd, chance.randbytes(chance.randrange(1, 12))])
