"""Writes record batches of message format 2 byte by byte, sound ones and broken ones."""

import gzip
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import cramjam
from aiokafka.record.util import calc_crc32c

HeaderBytes = tuple[bytes, bytes | None]
_HEAD = struct.Struct(">qiibIhiqqqhii")
_FROM_ATTRIBUTES = _HEAD.size - struct.calcsize(">hiqqqhii")
_TRANSACTIONAL, _CONTROL = 0x10, 0x20


class Codec(IntEnum):
    """How a batch's records are compressed, as its attributes say."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4
    UNKNOWN = 7


@dataclass(frozen=True)
class WireRecord:
    """One record; `raw`, if given, is what is written in its place, without its length."""

    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[HeaderBytes] = ()
    timestamp: int = 0
    raw: bytes | None = None


@dataclass(frozen=True)
class WireBatch:
    """A batch: what its head says is what it has, unless told otherwise."""

    records: Sequence[WireRecord]
    base_offset: int = 0
    codec: Codec = Codec.NONE
    timestamp: int | None = None
    producer_id: int = -1
    epoch: int = -1
    sequence: int = -1
    transactional: bool = False
    control: bool = False
    magic: int = 2
    count: int | None = None
    last_delta: int | None = None
    crc_off_by: int = 0
    payload: bytes | None = field(default=None, repr=False)
    """The bytes after the head, in the place of the records."""

    def encode(self) -> bytes:
        """Return the batch's bytes. A broker gives what is produced its base offset."""
        plain = b"".join(_record(one, place) for place, one in enumerate(self.records))
        payload = compress(plain, self.codec) if self.payload is None else self.payload
        count = len(self.records) if self.count is None else self.count
        last = count - 1 if self.last_delta is None else self.last_delta
        attributes = self.codec | self.transactional * _TRANSACTIONAL | self.control * _CONTROL
        first = int(time.time() * 1000) if self.timestamp is None else self.timestamp
        stamps = [first + one.timestamp for one in self.records] or [first]
        head = [
            self.base_offset,
            _HEAD.size - 12 + len(payload),
            -1,
            self.magic,
            0,
            attributes,
            last,
        ]
        head += [first, max(stamps), self.producer_id, self.epoch, self.sequence, count]
        checked = (_HEAD.pack(*head) + payload)[_FROM_ATTRIBUTES:]
        head[4] = (calc_crc32c(checked) + self.crc_off_by) & 0xFFFFFFFF
        return _HEAD.pack(*head) + payload


def varint(number: int) -> bytes:
    """Return a number in Kafka's zigzag form."""
    left = number << 1 ^ number >> 63
    out = bytearray()
    while left & ~0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def _sized(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def body(record: WireRecord, place: int) -> bytes:
    """Return a record without its length; `place` is its offset in the batch."""
    headers = b"".join(varint(len(name)) + name + _sized(value) for name, value in record.headers)
    front = b"\0" + varint(record.timestamp) + varint(place)
    return front + _sized(record.key) + _sized(record.value) + varint(len(record.headers)) + headers


def _record(record: WireRecord, place: int) -> bytes:
    data = body(record, place) if record.raw is None else record.raw
    return varint(len(data)) + data


def compress(data: bytes, codec: Codec) -> bytes:
    """Return bytes compressed as Kafka's own clients do."""
    match codec:
        case Codec.GZIP:
            return gzip.compress(data)
        case Codec.SNAPPY:
            return bytes(cramjam.snappy.compress_raw(data))
        case Codec.LZ4:
            compressor = cramjam.lz4.Compressor(content_checksum=False, block_linked=False)
            compressor.compress(data)
            return bytes(compressor.finish())
        case Codec.ZSTD:
            return bytes(cramjam.zstd.compress(data, level=3))
        case _:
            return data


def with_checksum(batch: bytes) -> bytes:
    """Return a batch that was changed with the checksum of what it is now."""
    crc = calc_crc32c(batch[_FROM_ATTRIBUTES:])
    return batch[: _FROM_ATTRIBUTES - 4] + struct.pack(">I", crc) + batch[_FROM_ATTRIBUTES:]


def batches_in(data: bytes) -> list[bytes]:
    """Return the batches that stand one after the other in a segment or an answer."""
    found, at = [], 0
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at + 8 : at + 12], "big")
        found.append(data[at:end])
        at = end
    return found
