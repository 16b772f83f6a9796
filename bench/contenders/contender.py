"""The contenders, and the guarantees that each one lacks."""

from collections.abc import Sequence
from dataclasses import dataclass

GROUP = "contender"
"""The consumer group of those that commit their offsets to Kafka, without the topic prefix."""
REVISION = "f08a8a3"
"""The earlier git revision of this program that it is compared with."""
_WORKER = ("-m", "order_import", "worker")


@dataclass(frozen=True)
class Contender:
    """A program.

    Attributes:
        name: Its name on the command line.
        title: Its name in the tables.
        command: Python's arguments.
        group: The consumer group that has its offsets; None if the ledger has them.
        share: The share of all orders it gets; its rate is of those.
        lacks: The guarantees it does not give.
        revision: The git revision of its code; None for the present code.
    """

    name: str
    title: str
    command: Sequence[str]
    group: str | None
    share: float
    lacks: str
    revision: str | None = None


_NO_OUTBOX = (
    "after a crash between commit and publication, its events are never published; "
    "no fence against a second owner"
)

OURS = Contender("ours", "this program", _WORKER, None, 1, "none")
BEFORE = Contender(
    "before", f"this program at {REVISION}", _WORKER, None, 1, "none", revision=REVISION
)
CONTENDERS = (
    OURS,
    BEFORE,
    Contender(
        "reference",
        "plain aiokafka, one loop",
        ("-m", "bench.contenders.reference"),
        None,
        1,
        "none: ledger, fence and outbox are the same; no clean handover of partitions",
    ),
    Contender(
        "faust",
        "Faust as its guide has it",
        ("-m", "bench.contenders.ordinary_faust"),
        GROUP,
        0.02,
        _NO_OUTBOX + "; Faust's own losses on a crash",
    ),
    Contender(
        "faststream",
        "FastStream, batch subscribers",
        ("-m", "bench.contenders.fast_stream"),
        GROUP,
        1,
        _NO_OUTBOX,
    ),
    Contender(
        "quix",
        "Quix Streams, batching sinks",
        ("-m", "bench.contenders.quix"),
        GROUP,
        1,
        _NO_OUTBOX,
    ),
)
