"""Damages record batches, also those that lie on a broker's disk."""

import struct
from collections.abc import Callable
from pathlib import Path

from tests.faults.wire.batches import batches_in, varint, with_checksum

Edit = Callable[[bytes], bytes]
_HEAD = 61
_LENGTH_FROM = 12
_ATTRIBUTES, _CODECS = 21, 0x07


def field(at: int, form: str, value: int, *, sealed: bool = True) -> Edit:
    """Write a field of a batch's head; sealed, its checksum is of what it is then."""

    def edit(batch: bytes) -> bytes:
        changed = bytearray(batch)
        struct.pack_into(form, changed, at, value)
        return with_checksum(bytes(changed)) if sealed else bytes(changed)

    return edit


def tail(change: Callable[[bytes], bytes]) -> Edit:
    """Change what stands after a batch's head."""

    def edit(batch: bytes) -> bytes:
        data = change(batch[_HEAD:])
        return field(8, ">i", _HEAD - _LENGTH_FROM + len(data))(batch[:_HEAD] + data)

    return edit


def codec(change: Callable[[int], int]) -> Edit:
    """Say that another codec was used; the rest of the attributes stays."""

    def edit(batch: bytes) -> bytes:
        (attributes,) = struct.unpack_from(">h", batch, _ATTRIBUTES)
        told = attributes & ~_CODECS | change(attributes & _CODECS)
        return field(_ATTRIBUTES, ">h", told)(batch)

    return edit


IN_PLACE: dict[str, Edit] = {
    "its checksum is of other bytes": lambda one: one[:-2] + bytes([one[-2] ^ 1]) + one[-1:],
    "a codec there is not": codec(lambda _: 7),
    "the codec after its own": codec(lambda own: (own + 1) % 5),
    "the second codec after its own": codec(lambda own: (own + 2) % 5),
    "the third codec after its own": codec(lambda own: (own + 3) % 5),
    "the codec before its own": codec(lambda own: (own + 4) % 5),
    "format 3": field(16, ">b", 3, sealed=False),
    "offsets beyond the log": field(23, ">i", 10_000_000),
    "no records, and yet bytes": field(57, ">i", 0),
    "fewer than no records": field(57, ">i", -1),
    "a number without an end": tail(lambda one: b"\xff" * len(one)),
    "a negative length": tail(lambda one: varint(-2) + one[1:]),
    "a length beyond the batch": tail(lambda one: (varint(2**31) + one[5:])[: len(one)]),
}
"""Damage that costs the whole batch, whose length it does not change."""
FORGED: dict[str, Edit] = {
    "format 0": field(16, ">b", 0, sealed=False),
    "format 1": field(16, ">b", 1, sealed=False),
    "fewer than no offsets": field(23, ">i", -5),
    "a base beyond the log": field(0, ">q", 900, sealed=False),
    "a base before it": field(0, ">q", 0, sealed=False),
    "a negative base": field(0, ">q", -9, sealed=False),
    "records, and yet no bytes": tail(lambda _: b""),
}
"""The same, where the broker would no longer find the batches after it."""


def damage_segment(directory: Path, offset: int, edit: Edit) -> None:
    """Change the batch that begins at an offset, in a partition's segments, where it lies."""
    for path in directory.glob("*.log"):
        at = 0
        for batch in batches_in(path.read_bytes()):
            if int.from_bytes(batch[:8], "big") == offset:
                changed = edit(batch)
                if len(changed) != len(batch):
                    raise ValueError("a batch in a segment keeps its length")
                with path.open("r+b") as segment:
                    segment.seek(at)
                    segment.write(changed)
                return
            at += len(batch)
    raise ValueError(f"no batch begins at {offset}")
