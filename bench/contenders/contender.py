"""Who takes part, and what each does not promise."""

from collections.abc import Sequence
from dataclasses import dataclass

GROUP = "contender"
"""The consumer group of those that keep their position in Kafka, behind the topics' prefix."""
REVISION = "f08a8a3"
"""The git revision of this program that it is compared with: progress is a ratio of one run."""
_WORKER = ("-m", "order_import", "worker")


@dataclass(frozen=True)
class Contender:
    """A program.

    Attributes:
        name: What the command line calls it.
        title: What the table calls it.
        command: What Python is to run.
        group: The consumer group that holds its position; None where the ledger does.
        share: The part of all orders it gets; its rate is counted from those.
        lacks: The guarantees it does not give.
        revision: The git revision whose code it is; None for the code that is here.
    """

    name: str
    title: str
    command: Sequence[str]
    group: str | None
    share: float
    lacks: str
    revision: str | None = None


_NO_OUTBOX = (
    "After a crash between commit and publication its events are never told; "
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
        "none: ledger, fence and outbox are the same. No hand-over in good order",
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
