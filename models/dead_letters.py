"""The dead letters as people handle them: listed, looked at, and marked when redriven."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.messages import DeadLetterCode, Header


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was not taken, with its bytes as they came.

    `details_of` is set for an order's details (items, address, buyer) that came before the order
    and name no store: the order takes them up when it comes. `cut` names the parts (`key`, `value`,
    `headers`) that are not kept whole. `last_offset` is set where one dead letter stands for
    several messages, from `offset` on, which Kafka's format does not let through.
    """

    topic: str
    partition: int
    offset: int
    code: DeadLetterCode
    message: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    at: datetime
    details_of: str | None = None
    cut: tuple[str, ...] = ()
    last_offset: int | None = None

    @property
    def dead_letter_id(self) -> str:
        """`topic:partition:offset` of the message."""
        return f"{self.topic}:{self.partition}:{self.offset}"


COUNT_HEADER = "redrive-count"
"""How often a message was redriven before it came."""

_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Redrive:
    """One time a dead letter was redriven: the `count` of its chain by then, and where it went.

    `to` is `topic:partition:offset` of the new message. Refused again, that is its dead letter's
    id.
    """

    at: datetime
    count: int
    to: str


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters to list. `None` leaves a question out.

    `is_open` asks for those that nothing was done about yet: neither redriven themselves,
    nor taken up when the order came whose details they are.
    """

    code: DeadLetterCode | None = None
    topic: str | None = None
    is_open: bool = False
    oldest_first: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class DeadLetterLine:
    """A dead letter as one line of a list: nothing of its value, which may be a buyer's.

    `size` counts the bytes of the value, None where there is none. `chain` is how often the
    message was redriven, as this dead letter or as an earlier one. `claimed` are details that came
    before their order, and were taken up when it came. `cut` names the parts that are not whole.
    """

    dead_letter_id: str
    code: DeadLetterCode
    topic: str
    at: datetime
    size: int | None
    message: str
    has_key: bool
    claimed: bool
    redriven: tuple[Redrive, ...]
    chain: int
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter with its bytes, and when it was redriven."""

    dead_letter: DeadLetter
    redriven: tuple[Redrive, ...]

    @property
    def chain(self) -> int:
        """How often the message was redriven, as this dead letter or as an earlier one."""
        return chain_of(self.dead_letter.headers, self.redriven)


def chain_of(headers: Sequence[Header], redriven: Sequence[Redrive]) -> int:
    """Give how often a message was redriven: by its last count header, or by its marks."""
    told = [value for name, value in headers if name == COUNT_HEADER]
    last = (told[-1] if told else None) or b""
    earlier = int(last) if last.isdigit() and len(last) <= _MOST_DIGITS else 0
    return max([earlier, *(redrive.count for redrive in redriven)])
