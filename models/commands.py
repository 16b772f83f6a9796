"""Commands on `order-import.commands`: internal, but written so that a person can read them."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from models.base import UtcTime, Value


class Rejudge(Value):
    """Judge again the orders that wait on a fact, oldest purchase first (rule 12)."""

    command: Literal["rejudge"] = "rejudge"
    fact: str = Field(description="A key of models.keys, for example product:SKU-1")


class Sync(Value):
    """The next sync: judge all blocked orders again, and complete what Commerce has shipped."""

    command: Literal["sync"] = "sync"
    store_id: str | None = Field(default=None, description="One store only; all when absent")
    requested_at: UtcTime


class Replay(Value):
    """An operator's replay of one order (rule 14)."""

    command: Literal["replay"] = "replay"
    replay_id: str
    key: str = Field(description="store/order")


Command = Annotated[Rejudge | Sync | Replay, Field(discriminator="command")]

COMMAND: TypeAdapter[Command] = TypeAdapter(Command)
