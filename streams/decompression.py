"""Decompression with a bound, because the sender chooses how large the result is."""

import struct
from collections.abc import Callable
from enum import IntEnum
from mmap import mmap
from typing import Any

import cramjam

MAX_BYTES = 32 * 1024 * 1024
"""Maximum decompressed size of one batch's records."""

_XERIAL_START = b"\x82SNAPPY\0"
"""The prefix of snappy's Java library; blocks follow, each with its size."""
_XERIAL_HEAD = 16
_LIKELY, _LIKELY_RATIO = 64 * 1024, 12
"""The size to try first: at least so many bytes, and so many times the compressed size."""
_SIZE = struct.Struct(">i")


class Codec(IntEnum):
    """The codecs of Kafka's message format 2, by their numbers in a batch's attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


class DecompressionError(ValueError):
    """The bytes are not valid for their codec, or decompress to more than `MAX_BYTES`."""


def decompress(data: bytes, codec: Codec) -> bytes | mmap:
    """Return the decompressed records.

    Raises:
        DecompressionError: They are invalid, or larger than `MAX_BYTES`.
    """
    try:
        match codec:
            case Codec.NONE:
                return data
            case Codec.GZIP:
                return _unpack(data, cramjam.gzip.decompress_into)
            case Codec.SNAPPY:
                return _unsnap(data)
            case Codec.LZ4:
                return _unpack(data, cramjam.lz4.decompress_into)
            case Codec.ZSTD:
                return _unpack(data, cramjam.zstd.decompress_into)
    except (cramjam.DecompressionError, struct.error) as error:
        raise DecompressionError(codec.name.lower()) from error


def _unsnap(data: bytes) -> bytes:
    if not data.startswith(_XERIAL_START):
        return _unsnap_block(data, MAX_BYTES)
    parts: list[bytes] = []
    left, at = MAX_BYTES, _XERIAL_HEAD
    while at < len(data):
        (size,) = _SIZE.unpack_from(data, at)
        at += _SIZE.size
        if size < 0 or at + size > len(data):
            raise DecompressionError("snappy")
        parts.append(_unsnap_block(data[at : at + size], left))
        left -= len(parts[-1])
        at += size
    return b"".join(parts)


def _unsnap_block(block: bytes, left: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(block) > left:
        raise DecompressionError("snappy")
    return bytes(cramjam.snappy.decompress_raw(block))


def _unpack(data: bytes, into: Callable[[bytes, Any], int]) -> bytes | mmap:
    likely = bytearray(min(MAX_BYTES, max(_LIKELY, _LIKELY_RATIO * len(data))))
    try:
        return bytes(memoryview(likely)[: into(data, likely)])
    except cramjam.DecompressionError:
        # The system allocates this memory page by page, only as far as it is written.
        pages = mmap(-1, MAX_BYTES)
        size = into(data, pages)
        pages.resize(size)
        return pages
