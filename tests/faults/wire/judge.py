"""Judges what became of every offset, by the broker's own files and what is stored."""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.wire.batches import batches_in
from tests.faults.wire.fuzz import Journal

_BASE, _ATTRIBUTES, _LAST_DELTA = (0, ">q"), (21, ">h"), (23, ">i")
_CONTROL = 0x20


@dataclass(frozen=True)
class Letter:
    """A dead letter: which offsets of a partition it stands for."""

    partition: int
    offset: int
    last_offset: int


@dataclass(frozen=True)
class Left:
    """What is left when all has come to rest."""

    segments: Mapping[int, Sequence[bytes]]
    """Per partition, its batches as they are in its segments."""
    dead_letters: Sequence[Letter]
    published: Sequence[Letter]
    """The same, as they are on the topic of dead letters."""
    orders: frozenset[str]
    committed_offset: Mapping[int, int]


def read_segments(directory: Path) -> list[bytes]:
    """Return the batches of a partition, from its directory of segments."""
    return [
        one for path in sorted(directory.glob("*.log")) for one in batches_in(path.read_bytes())
    ]


def judge(sent: Iterable[Journal], left: Left) -> list[str]:
    """Return what is wrong: each offset must be decided or refused, once, and nothing else be."""
    by_place = {(one.partition, one.offset): one for one in sent}
    refused = Counter(
        (letter.partition, offset)
        for letter in left.dead_letters
        for offset in range(letter.offset, letter.last_offset + 1)
    )
    wrong = []
    seen = set()
    for partition, found in left.segments.items():
        end = 0
        for raw in found:
            base, last = _field(raw, _BASE), _field(raw, _BASE) + _field(raw, _LAST_DELTA)
            end = max(end, last + 1)
            if _field(raw, _ATTRIBUTES) & _CONTROL:
                continue
            one = by_place.get((partition, base))
            seen.add((partition, base))
            if one is None:
                wrong.append(f"{partition}:{base}: nobody sent it")
            else:
                wrong += _of_batch(one, refused, left.orders)
        if left.committed_offset.get(partition) != end:
            wrong.append(f"{partition}: decided to {left.committed_offset.get(partition)} of {end}")
    wrong += [f"{place}: acknowledged, and not in the log" for place in by_place.keys() - seen]
    known = {(one.partition, at) for one in by_place.values() for at in _offsets(one)}
    wrong += [f"{place}: a dead letter of nothing" for place in refused.keys() - known]
    stored, published = set(left.dead_letters), set(left.published)
    wrong += [f"{one}: stored, and not published" for one in stored - published]
    wrong += [f"{one}: published, and not stored" for one in published - stored]
    return wrong


def _of_batch(
    sent: Journal, refused: Mapping[tuple[int, int], int], orders: frozenset[str]
) -> list[str]:
    wrong = []
    for offset, key in zip(_offsets(sent), sent.orders, strict=True):
        letters = refused.get((sent.partition, offset), 0)
        is_there = key in orders
        if sent.damaged:
            # Whether its transaction was aborted is not to be read any more either.
            holds = not is_there and (letters == 1 or (sent.aborted and not letters))
        elif sent.aborted:
            holds = not is_there and not letters
        else:
            holds = (is_there, letters) == ((True, 0) if key else (False, 1))
        if not holds:
            wrong.append(
                f"{sent.partition}:{offset}: {letters} dead letters, "
                f"order {'there' if is_there else 'not there'}; {sent}"
            )
    return wrong


def _offsets(sent: Journal) -> range:
    return range(sent.offset, sent.offset + len(sent.orders))


def _field(raw: bytes, of: tuple[int, str]) -> int:
    (value,) = struct.unpack_from(of[1], raw, of[0])
    return int(value)
