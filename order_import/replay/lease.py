"""The lease: one replay at a time may touch a store, for as long as its runner lives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.ledger import Changes
from models.replays import Replay, ReplayState
from storage.port import Storage, Transaction, Turn

LEASE = timedelta(seconds=15)
"""How long a runner that was killed keeps others out."""

_RUNNING_AT_MOST = 1_000


class ReplayInTheWay(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """Another replay of an overlapping scope runs. `other` is it."""

    def __init__(self, other: Replay) -> None:
        super().__init__(
            f"replay {other.replay_id} of {other.who} is running on scope {other.scope}"
        )
        self.other = other


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a runner is: commands sent, and carried out."""

    sent: int
    done: int


async def begin(storage: Storage, new: Replay, at: datetime) -> None:
    """Begin a replay. Those whose runners were lost are noted as broken.

    Raises:
        ReplayInTheWay: Another one runs whose orders may be the same.
        StorageUnavailable: The database does not answer.
    """

    async def work(transaction: Transaction) -> Replay | None:
        await transaction.take_turn(Turn.REPLAYS)
        running = await transaction.replays(running=True, limit=_RUNNING_AT_MOST)
        lost = [
            replace(one, state=ReplayState.BROKEN, finished_at=at)
            for one in running
            if not one.is_alive(at)
        ]
        for one in running:
            if one.is_alive(at) and one.overlaps(new.scope):
                return one
        await transaction.write(Changes(replays=[*lost, new]))
        return None

    other = await storage.transact(work)
    if other is not None:
        raise ReplayInTheWay(other)


async def keep(storage: Storage, replay_id: str, at: datetime, tally: Tally) -> bool:
    """Say that a runner lives, and how far it is; False where it was given up for lost.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    return await _change(
        storage, replay_id, lease_until=at + LEASE, sent=tally.sent, done=tally.done
    )


async def end(
    storage: Storage,
    replay_id: str,
    state: ReplayState,
    at: datetime,
    tally: Tally,
    results: Mapping[str, int],
) -> bool:
    """Record how a replay ended; False where it was given up for lost before.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    return await _change(
        storage,
        replay_id,
        state=state,
        finished_at=at,
        lease_until=at,
        sent=tally.sent,
        done=tally.done,
        results=dict(results),
    )


async def catch_up(storage: Storage) -> None:
    """Return when a view has all in it that was seen stored so far.

    A view is of what a majority of the database's nodes has. What was just read as decided may
    still be on its way to them, and is there once something written after it is.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    await storage.transact(lambda transaction: transaction.take_turn(Turn.REPLAYS))


async def _change(storage: Storage, replay_id: str, **fields: object) -> bool:
    async def work(transaction: Transaction) -> bool:
        await transaction.take_turn(Turn.REPLAYS)
        stored = await transaction.replay(replay_id)
        if stored is None or stored.state is not ReplayState.RUNNING:
            return False
        await transaction.write(Changes(replays=[replace(stored, **fields)]))  # type: ignore[arg-type]  # its own fields
        return True

    return await storage.transact(work)
