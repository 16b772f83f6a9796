"""Which part of the work a sampled stack belongs to.

The innermost frame with a part decides: a model that is built while a payload is read is `decode`,
one that is built for an event is `encode`. Frames without a part, such as a library's helpers, are
skipped on the way out.
"""

import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.report import ROOT

PARTS = {
    "decode": "payloads to orders, commands and facts",
    "decide": "policy, blockers and the unit of work",
    "gather": "reads from MongoDB, and documents to orders",
    "write": "orders to documents, and writes and commits to MongoDB",
    "encode": "events to JSON and headers",
    "publish": "the processors' publication and the Kafka producer",
    "Faust": "Faust and its consumer",
    "rest": "the event loop, threads, freeing memory, and everything else",
}

_READS = frozenset({"find", "find_one", "_find", "to_list", "next", "_refresh", "distinct"})
_ASKS = frozenset({"aggregate", "find_one_and_update", "lock", "count_documents"})
_WRITES = frozenset({"bulk_write", "update_one", "insert_one", "commit_transaction", "write"})
_COMMITS = frozenset({"move", "_commit", "abort_transaction", "start_transaction", "end_session"})
_DRIVER = {
    **dict.fromkeys(_READS | _ASKS, "gather"),
    **dict.fromkeys(_WRITES | _COMMITS, "write"),
}
_PYDANTIC = {
    "model_dump_json": "encode",
    "model_validate_json": "decode",
    "validate_json": "decode",
}


class Frame(NamedTuple):
    """A function and its file, relative to the project or to the folder of packages."""

    function: str
    file: str

    def __str__(self) -> str:
        return f"{self.function} ({self.file})"


class Stack(NamedTuple):
    """Frames from the outermost in, and how often they were seen."""

    frames: Sequence[Frame]
    seen: int


def read_stacks(raw: Path) -> Sequence[Stack]:
    """Read the profiler's output: a line for each stack, its frames separated by semicolons."""
    return list(_stacks(raw.read_text(encoding="utf-8").splitlines()))


def by_part(stacks: Sequence[Stack]) -> Mapping[str, float]:
    """Return each part's share of all samples."""
    counted: Counter[str] = Counter()
    for stack in stacks:
        counted[part_of(stack.frames)] += stack.seen
    return {part: counted[part] / max(1, counted.total()) for part in PARTS}


def part_of(frames: Sequence[Frame]) -> str:
    """Return the part of the innermost frame that has one."""
    for frame in reversed(frames):
        part = _part(frame)
        if part is not None:
            return part
    return "rest"


def top_functions(stacks: Sequence[Stack], most: int) -> Sequence[tuple[str, float, float]]:
    """Return the functions with the largest share, their own and with everything they call."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for stack in stacks:
        own[str(stack.frames[-1])] += stack.seen
        for frame in set(map(str, stack.frames)):
            whole[frame] += stack.seen
    total = max(1, own.total())
    ranked = own.most_common(most)
    return [(name, own[name] / total, whole[name] / total) for name, _ in ranked]


def _stacks(lines: Collection[str]) -> Iterator[Stack]:
    for line in lines:
        frames_text, _, count = line.rpartition(" ")
        frames = [_frame(one) for one in frames_text.split(";")]
        yield Stack([one for one in frames if one is not None], int(count))


def _frame(text: str) -> Frame | None:
    function, _, place = text.partition(" (")
    file = place.partition(":")[0].rstrip(")")
    if not file:
        return None
    _, packages, library = file.partition("site-packages/")
    if packages:
        return Frame(function, library)
    _, standard, library = file.partition(f"/python{sys.version_info[0]}.{sys.version_info[1]}/")
    return Frame(function, library if standard else file.removeprefix(f"{ROOT}/"))


def _part(frame: Frame) -> str | None:
    function, file = frame.function.rpartition(".")[2], frame.file
    room, _, name = file.partition("/")
    match room:
        case "handlers":
            if name == "rules/decision_builder.py":
                return "encode"
            decodes = name.startswith("payloads/") or function in {"parse", "_parse"}
            return "decode" if decodes else "decide"
        case "streams":
            return _part_in_streams(function, name)
        case "storage":
            return _part_in_storage(function)
        case "pymongo" | "motor":
            return _DRIVER.get(function)
        case "pydantic":
            return _PYDANTIC.get(function)
        case "faust" | "mode":
            return "Faust"
        case "aiokafka":
            return "Faust" if name.startswith("consumer/") else _PUBLISHES.get(name.split("/")[0])
        case _:
            return None


_PUBLISHES = {"producer": "publish"}


def _part_in_streams(function: str, name: str) -> str | None:
    match name:
        case "messages.py":
            return "encode" if function in {"encode", "_event_headers", "_trace"} else "decide"
        case "publisher.py":
            return "publish"
        case "transport.py":
            return "Faust"
        case "processor.py" | "batch.py" | "assignment.py":
            return "publish" if "publish" in function else None
        case "decoding.py" | "decompression.py":
            return "decode"
        case _:
            return "decide"


def _part_in_storage(function: str) -> str | None:
    if function.endswith("_to_document") or function in {
        "operations",
        "_order_write",
        "_fact_writes",
    }:
        return "write"
    if function.endswith("_from_document"):
        return "gather"
    return _DRIVER.get(function, "gather" if function in _QUESTIONS else None)


_QUESTIONS = frozenset(
    {"stores", "orders", "orders_of", "catalog", "products", "listings", "details_of"}
)
