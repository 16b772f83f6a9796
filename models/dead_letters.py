"""Dead letters: refused messages, as they are stored, listed and redriven."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.buyer_data import DEAD_LETTERS_KEPT
from models.messages import DeadLetterCode, Header


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused message, with its bytes as received.

    `details_of` is set for an order's details (items, address, buyer) that came before the order
    and name no store: the order claims them when it comes. `cut` names the parts (`key`, `value`,
    `headers`) that are not kept whole. `last_offset` is set if one dead letter stands for several
    messages, from `offset` on, that are invalid in Kafka's own format. `erased_at` says when key,
    value and headers were erased, because they may contain a buyer's data (rule 27).
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
    erased_at: datetime | None = None

    @property
    def dead_letter_id(self) -> str:
        """`topic:partition:offset` of the message."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def expires_at(self) -> datetime:
        """Until when the message's bytes are kept."""
        return self.at + DEAD_LETTERS_KEPT


COUNT_HEADER = "redrive-count"
"""How often a message had been redriven before."""

_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Redrive:
    """One redrive of a dead letter: the `count` of its chain by then, and its target.

    `to` is `topic:partition:offset` of the new message. If that is refused again, it is the id of
    its dead letter.
    """

    at: datetime
    count: int
    to: str


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters to list. `None` matches all.

    `is_open` selects those that nothing has been done about: neither redriven, nor claimed by the
    order whose details they are.
    """

    code: DeadLetterCode | None = None
    topic: str | None = None
    is_open: bool = False
    oldest_first: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class DeadLetterLine:
    """A dead letter as one line of a list, without its value, which may have personal data.

    `size` is the length of the value in bytes, None if there is none. `chain` is how often the
    message was redriven, as this dead letter or an earlier one. `claimed` are details that came
    before their order and were claimed by it. `cut` names the parts that are not kept whole. Of
    a dead letter that `is_erased`, no part is kept.
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
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter with its bytes, and its redrives."""

    dead_letter: DeadLetter
    redriven: tuple[Redrive, ...]

    @property
    def chain(self) -> int:
        """How often the message was redriven, as this dead letter or an earlier one."""
        return count_redrives(self.dead_letter.headers, self.redriven)


def count_redrives(headers: Sequence[Header], redriven: Sequence[Redrive]) -> int:
    """Return how often a message was redriven: by its last count header, or by its redrives."""
    counts = [value for name, value in headers if name == COUNT_HEADER]
    last = (counts[-1] if counts else None) or b""
    earlier = int(last) if last.isdigit() and len(last) <= _MOST_DIGITS else 0
    return max([earlier, *(redrive.count for redrive in redriven)])
