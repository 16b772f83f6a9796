"""Decode the bytes fetched of a partition into records, whatever they contain.

Bytes that violate Kafka's format do not stop the partition: they become a record with a refusal,
and decoding continues after them. Bytes in a header name that are not UTF-8 are escaped with
backslashes, so that an odd name does not cost the order. Only message format 2 is supported, the
only one that Kafka 4 writes.
"""

from collections.abc import Iterator, MutableMapping, Sequence
from mmap import mmap
from struct import Struct
from typing import NamedTuple

from aiokafka.record.util import calc_crc32c, decode_varint_py

from models.messages import DeadLetterCode, Header, Incoming, Rejection, TopicPartition
from models.topics import MAX_MESSAGE_BYTES
from streams.decompression import MAX_BYTES, Codec, DecompressionError, decompress

MOST_BYTES = 8 * 1024 * 1024
"""Approximate maximum of bytes that are returned of one fetch."""
RECORD_BYTES, HEADER_BYTES = 250, 100
"""Approximate memory that a record and a header take in addition to their bytes."""

_HEAD = Struct(">qiibIhiqqqhii")
_FRAME = Struct(">qi")
_CHECKED_FROM = 21
_FORMAT = 2
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_Bytes = bytes | memoryview | mmap
_BEFORE_KEY = 32
"""An upper bound for the bytes of a record before its key."""


class _Malformed(ValueError):  # noqa: N818 - a state of the bytes, not a mistake
    """The bytes are not a record. The message says what was expected."""


class _Batch(NamedTuple):
    """A record batch: its head, and all its bytes."""

    base_offset: int
    length: int
    leader_epoch: int
    format: int
    crc: int
    attributes: int
    last_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int
    raw: bytes

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_delta


class FetchedRecords:
    """The records of one fetch of a partition, as an iterator. No bytes make it raise.

    Args:
        source: The partition.
        data: The batches as the broker sent them; the last may be cut off.
        fetch_offset: The offset that was requested.
        end: The end of the log: all offsets are before it.
        aborted: Producer ids and first offsets of the aborted transactions in it.
        doubts: The offsets at which fetches found a broken batch, kept between fetches. A batch
            that is broken in two fetches was not damaged in transit.
    """

    def __init__(
        self,
        source: TopicPartition,
        data: bytes,
        fetch_offset: int,
        end: int,
        aborted: Sequence[tuple[int, int]] = (),
        doubts: MutableMapping[TopicPartition, int] | None = None,
    ) -> None:
        self.next_fetch_offset = fetch_offset
        """Everything before this offset was returned, or has no record."""
        self._doubts = {} if doubts is None else doubts
        self._source = source
        self._data = data
        self._end = end
        self._aborted = sorted(aborted, key=lambda transaction: transaction[1])
        self._aborting: set[int] = set()
        self._records = self._limited(self._read())

    @classmethod
    def unserved(cls, source: TopicPartition, offset: int, last_offset: int) -> "FetchedRecords":
        """Return a fetch with one record, for offsets that the broker itself cannot read."""
        fetched = cls(source, b"", offset, last_offset + 1)
        record = fetched._unreadable(None, "log: expected a broker that can read it", last_offset)
        fetched._records = fetched._limited(iter((record,)))
        return fetched

    def __iter__(self) -> "FetchedRecords":
        return self

    def __next__(self) -> Incoming:
        return next(self._records)

    def _limited(self, records: Iterator[Incoming]) -> Iterator[Incoming]:
        """Yield records up to about `MOST_BYTES`. The consumer fetches the rest again."""
        left = MOST_BYTES
        for record in records:
            self.next_fetch_offset = record.last_offset + 1
            yield record
            left -= record.size
            if left <= 0:
                return

    def _read(self) -> Iterator[Incoming]:
        broken: tuple[bytes, str, int] | None = None
        for raw, batch in self._batches():
            fault = (
                "batch: expected a length that is its own" if batch is None else self._fault(batch)
            )
            if batch is not None and fault is None:
                if broken is not None and self.next_fetch_offset < batch.base_offset:
                    yield self._unreadable(*broken[:2], batch.base_offset - 1)
                broken = None
                yield from self._of_batch(batch)
            elif broken is None:
                if self._doubts.get(self._source) != self.next_fetch_offset:
                    self._doubts[self._source] = self.next_fetch_offset
                    return
                last = self.next_fetch_offset if batch is None else batch.last_offset
                broken = raw, fault or "", last
        if broken is not None:
            # No batch follows it here, so the end it declares itself is the best guess.
            is_inside = self.next_fetch_offset <= broken[2] < self._end
            yield self._unreadable(*broken[:2], broken[2] if is_inside else self.next_fetch_offset)

    def _batches(self) -> Iterator[tuple[bytes, _Batch | None]]:
        """Yield complete batches; None for a first one with an invalid length."""
        data, at = self._data, 0
        while at < len(data):
            end = at + _FRAME.size
            if end <= len(data):
                end += _FRAME.unpack_from(data, at)[1]
            if end > len(data) or end - at < _HEAD.size:
                if at == 0:
                    yield data, None
                return
            raw = data[at:end]
            yield raw, _Batch._make((*_HEAD.unpack_from(raw), raw))
            at = end

    def _fault(self, batch: _Batch) -> str | None:
        """Return why not even the batch's head can be trusted; None if it can."""
        if batch.format != _FORMAT:
            return f"batch: expected message format {_FORMAT}"
        if calc_crc32c(batch.raw[_CHECKED_FROM:]) != batch.crc:
            return "batch: expected the bytes of its checksum"
        if batch.last_delta < 0 or not self.next_fetch_offset <= batch.last_offset < self._end:
            return "batch: expected offsets that are its own"
        return None

    def _of_batch(self, batch: _Batch) -> Iterator[Incoming]:
        while self._aborted and self._aborted[0][1] <= batch.base_offset:
            self._aborting.add(self._aborted.pop(0)[0])
        if batch.attributes & _CONTROL:
            # A control batch, commit or abort, ends its producer's transaction.
            self._aborting.discard(batch.producer_id)
        elif not (batch.attributes & _TRANSACTIONAL and batch.producer_id in self._aborting):
            yield from self._unpacked(batch)
        self.next_fetch_offset = batch.last_offset + 1

    def _unpacked(self, batch: _Batch) -> Iterator[Incoming]:
        try:
            codec = Codec(batch.attributes & _CODEC)
            records = decompress(batch.raw[_HEAD.size :], codec)
        except DecompressionError as error:
            expected = f"batch: expected {error} that unpacks to at most {MAX_BYTES} bytes"
            yield self._unreadable(batch.raw, expected, batch.last_offset)
        except ValueError:
            expected = f"batch: expected one of the codecs {', '.join(Codec.__members__).lower()}"
            yield self._unreadable(batch.raw, expected, batch.last_offset)
        else:
            yield from self._of_records(batch, records)

    def _of_records(self, batch: _Batch, data: bytes | mmap) -> Iterator[Incoming]:
        first_offset = self.next_fetch_offset
        try:
            for offset, start, end in _locate_records(batch, data):
                if offset >= first_offset:
                    yield self._record(batch, offset, data, start, end)
        except _Malformed as error:
            if self.next_fetch_offset <= batch.last_offset:
                yield self._unreadable(batch.raw, f"records: expected {error}", batch.last_offset)

    def _record(
        self, batch: _Batch, offset: int, data: bytes | mmap, start: int, end: int
    ) -> Incoming:
        size = end - start
        # An oversized record is not copied as a whole, only its parts are.
        raw = data[start:end] if size <= MAX_MESSAGE_BYTES else memoryview(data)[start:end]
        try:
            delta, key, value, headers = _parse(raw)
        except _Malformed as error:
            refusal = Rejection(code=DeadLetterCode.UNREADABLE, message=f"record: expected {error}")
            return self._refused(offset, offset, bytes(raw), refusal)
        at_append = batch.attributes & _APPEND_TIME
        timestamp = batch.max_timestamp if at_append else batch.first_timestamp + delta
        size += RECORD_BYTES + HEADER_BYTES * len(headers)
        return Incoming(*self._source, offset, timestamp, key, value, headers, size, offset)

    def _unreadable(self, raw: bytes | None, message: str, last_offset: int) -> Incoming:
        """Return one record that stands for everything up to an offset."""
        offset = self.next_fetch_offset
        if last_offset > offset:
            message += f" (offsets {offset} to {last_offset})"
        refusal = Rejection(code=DeadLetterCode.UNREADABLE, message=message)
        return self._refused(offset, last_offset, raw, refusal)

    def _refused(
        self, offset: int, last_offset: int, raw: bytes | None, refusal: Rejection
    ) -> Incoming:
        size = RECORD_BYTES + len(raw or b"")
        return Incoming(*self._source, offset, 0, None, raw, (), size, last_offset, refusal)


def begins_with(data: bytes, offset: int) -> bool:
    """Return whether fetched bytes begin with a complete batch that contains an offset."""
    if len(data) < _HEAD.size:
        return False
    head = _Batch._make((*_HEAD.unpack_from(data), b""))
    is_whole = _HEAD.size <= _FRAME.size + head.length <= len(data)
    return is_whole and head.base_offset <= offset <= head.last_offset


def _locate_records(batch: _Batch, data: bytes | mmap) -> Iterator[tuple[int, int, int]]:
    """Yield each record's offset, and the start and end of its bytes."""
    # Compaction leaves gaps. Without gaps, a record's index determines its offset.
    is_whole = batch.record_count == batch.last_delta + 1
    expected, at = batch.base_offset, 0
    for index in range(batch.record_count):
        start, end = _bounds(data, at)
        delta = index if is_whole else _offset_delta(data, start, end)
        offset = batch.base_offset + delta
        if not expected <= offset <= batch.last_offset:
            raise _Malformed("an offset after the one before, within its batch")
        yield offset, start, end
        at, expected = end, offset + 1
    if at != len(data):
        raise _Malformed("no bytes after the last record")


def _varint(data: _Bytes, at: int) -> tuple[int, int]:
    """Decode a zigzag varint; return the number and the position after it."""
    try:
        decoded: tuple[int, int] = decode_varint_py(data, at)  # the one in C reads beyond the end
    except ValueError:
        raise _Malformed("numbers of at most 64 bits") from None
    return decoded


def _bounds(data: bytes | mmap, at: int) -> tuple[int, int]:
    """Return the start of a record, after its length, and its end."""
    try:
        length, start = _varint(data, at)
    except IndexError:
        raise _Malformed("as many records as the batch says") from None
    if length < 0 or start + length > len(data):
        raise _Malformed("a length within the batch")
    return start, start + length


def _offset_delta(data: bytes | mmap, start: int, end: int) -> int:
    raw = data[start : min(end, start + _BEFORE_KEY)]
    try:
        _, at = _varint(raw, 1)
        return _varint(raw, at)[0]
    except IndexError:
        raise _Malformed("an offset") from None


def _parse(raw: _Bytes) -> tuple[int, bytes | None, bytes | None, Sequence[Header]]:
    """Parse a record: return its timestamp delta, key, value and headers."""
    try:
        delta, at = _varint(raw, 1)  # after the attributes, none of which is in use
        _, at = _varint(raw, at)
        key, at = _sized(raw, at)
        value, at = _sized(raw, at)
        count, at = _varint(raw, at)
        if count < 0:
            raise _Malformed("a count of headers")
        if len(raw) - at > MAX_MESSAGE_BYTES:
            raise _Malformed(f"headers of at most {MAX_MESSAGE_BYTES} bytes")
        headers = []
        for _ in range(count):
            name, at = _sized(raw, at)
            content, at = _sized(raw, at)
            if name is None:
                raise _Malformed("a name of each header")
            headers.append((name.decode(errors="backslashreplace"), content))
    except IndexError:
        raise _Malformed("all its fields") from None
    if at != len(raw):
        raise _Malformed("fields as long as the record")
    return delta, key, value, tuple(headers)


def _sized(raw: _Bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(raw, at)
    if length < 0:
        return None, at
    end = at + length
    return bytes(raw[at:end]), end
