"""The ledger: how far each source partition is decided and published, and what is to go out."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from models.commands import Command
from models.events import Event
from models.facts import Listing, Product, Store
from models.records import CommerceOrder, HistoryEntry, OrderRecord
from models.refusals import DeadLetterCode
from models.replays import RecordedAnswer, Replay, ReplayPart

Header = tuple[str, bytes | None]
"""A header of a message; Kafka allows that it has no value."""


class TopicPartition(NamedTuple):
    """A partition of a topic that is read."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A command and its key on Kafka."""

    key: str
    command: Command


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


ALL_STORES = "all"
"""In the place of a store's id: a sync of all stores."""

Outgoing = Event | CommandMessage | DeadLetter


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a source partition stands.

    Everything before `committed_offset` is decided and stored; of that, everything but `outbox` is
    published. Of the message at `committed_offset` the first `part` orders are decided, too, and
    `part_refused` says whether its dead letter is given. `epoch` counts its owners, `step` the
    transactions that moved it: a stored checkpoint moves only from the epoch and step its owner
    last saw. That is the fence against a second owner, and how an owner learns whether a commit
    without an answer happened. `topic_id` is Kafka's own of the topic it is a checkpoint in: one
    that is created anew has the same name.
    """

    source: TopicPartition
    committed_offset: int
    outbox: tuple[Outgoing, ...] = ()
    epoch: int = 0
    step: int = 0
    topic_id: str | None = None
    part: int = 0
    part_refused: bool = False

    def moved(
        self,
        committed_offset: int,
        outbox: tuple[Outgoing, ...],
        part: int = 0,
        *,
        part_refused: bool = False,
    ) -> "Checkpoint":
        """Give the checkpoint after one more transaction."""
        moved = replace(self, committed_offset=committed_offset, outbox=outbox, step=self.step + 1)
        return replace(moved, part=part, part_refused=part_refused)


@dataclass(frozen=True, slots=True)
class OffsetReset:
    """A checkpoint that was not in its log any more, and where reading went on.

    Kafka had deleted what was to be read next, or the topic was created anew.
    """

    source: TopicPartition
    expected: int
    found: int
    at: datetime

    @property
    def lost(self) -> int | None:
        """How many offsets were deleted unread; None where the topic is another one."""
        return self.found - self.expected if self.found > self.expected else None


@dataclass(frozen=True, slots=True)
class OrderWrite:
    """An order to store: new, or with what was added to its history.

    `details` says whether anything besides its outcome changed. `moved_from` is the key under
    which a new one was stored before, with its history so far (rule 22).
    """

    record: OrderRecord
    history: tuple[HistoryEntry, ...]
    is_new: bool
    details: bool
    moved_from: str | None = None


@dataclass(slots=True)
class ChangeSet:
    """All that one batch of messages changes, stored in one transaction or not at all."""

    orders: list[OrderWrite] = field(default_factory=list)
    new_commerce_orders: list[CommerceOrder] = field(default_factory=list)
    changed_commerce_orders: list[CommerceOrder] = field(default_factory=list)
    reserved: dict[str, int] = field(default_factory=dict)
    """Units taken (positive) or free again (negative), per catalog SKU."""
    stores: list[Store] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    deleted_products: list[str] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    deleted_listings: list[str] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    """Ids of dead letters whose details an order has taken up."""
    events: list[Event] = field(default_factory=list)
    offset_resets: list[OffsetReset] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    answers: list[RecordedAnswer] = field(default_factory=list)
    """What replays said of orders. An answer that is there already stays."""
    replay_parts: list[ReplayPart] = field(default_factory=list)
    synced: dict[str, datetime] = field(default_factory=dict)
    """When the syncs were requested that are carried out to the end, per store or `ALL_STORES`."""
