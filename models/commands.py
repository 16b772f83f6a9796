"""Commands on `order-import.commands`: internal, but readable for people.

Each command is one bounded step. A step that leaves more to do puts the next command of its chain
into the outbox, in its own transaction.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from models.base import UtcTime, Value

ALL_STORES = "all"
"""Used in place of a store id: a sync of all stores."""


MAX_KEY = 300
"""The maximum length of a key: two ids of at most 128 characters, with prefix and separator."""


class OrderCursor(Value):
    """The last order of a step; orders are sorted by purchase date and key."""

    purchase_date: UtcTime | None
    key: str = Field(max_length=MAX_KEY)


class Recheck(Value):
    """Check the orders again that depend on a fact, oldest purchase first (rule 12)."""

    command: Literal["recheck"] = "recheck"
    fact: str = Field(
        max_length=MAX_KEY, description="A key of models.keys, for example product:SKU-1"
    )
    after: OrderCursor | None = None


class Sync(Value):
    """Check all blocked orders again, and complete the orders that Commerce has shipped."""

    command: Literal["sync"] = "sync"
    store_id: str | None = Field(
        default=None, max_length=MAX_KEY, description="Only this store; all stores if absent"
    )
    requested_at: UtcTime
    after: OrderCursor | None = None


class ReplayStep(Value):
    """One step of an operator's replay (rule 14)."""

    command: Literal["replay"] = "replay"
    replay_id: str = Field(max_length=MAX_KEY)
    step: int = Field(ge=0, description="The number of the step, from 0")


Command = Annotated[Recheck | Sync | ReplayStep, Field(discriminator="command")]

COMMAND: TypeAdapter[Command] = TypeAdapter(Command)
