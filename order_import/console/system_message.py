"""Rule 19's message: word for word, its store names as links."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.errors import TransientStorageError
from models.outcome import DETAILS_OVERDUE, ImportState
from models.reference_data import Store
from order_import.console.context import ConsoleContext

_FRESH, _OLDEST = 2.0, 15.0
_OVERDUE_FRESH = 15.0


class NamedStore(NamedTuple):
    """A store as it is linked to."""

    store_id: str
    name: str


_STALE = 5.0


def age_of_counts(context: ConsoleContext) -> float | None:
    """Give how many seconds old the counts are, where that is worth saying."""
    age = context.cache.age("counts")
    return age if age > _STALE else None


async def counts_of(context: ConsoleContext) -> Mapping[str, Mapping[ImportState, int]]:
    """Give the orders per state per store, some seconds old at most."""
    return await context.cache.get("counts", _FRESH, context.reader.state_counts)


async def overdue_of(context: ConsoleContext) -> Mapping[str, int]:
    """Return how many orders of each store wait for details longer than an hour."""

    async def ask() -> Mapping[str, int]:
        return await context.reader.overdue_counts(context.now() - DETAILS_OVERDUE)

    return await context.cache.get("overdue", _OVERDUE_FRESH, ask)


async def count_ahead(context: ConsoleContext) -> None:
    """Count before anybody asks. Whoever asks next meets what goes wrong, and handles it."""
    with contextlib.suppress(Exception):
        await counts_of(context)


async def stores_of(context: ConsoleContext) -> Mapping[str, Store]:
    """Give the stores, some seconds old at most."""
    return await context.cache.get("stores", _FRESH, context.reader.stores)


async def system_message_parts(context: ConsoleContext) -> Sequence[NamedStore] | None:
    """Give the stores that rule 19's message names; None where there is none to give."""

    async def ask() -> Sequence[NamedStore]:
        # One order of each tells it: what counts all of them would have every page wait.
        stores = await stores_of(context)
        blocked = await context.orders.blocked_stores(sorted(stores))
        return [NamedStore(one, stores[one].name) for one in blocked]

    try:
        return await context.cache.get("blocked stores", _FRESH, ask, oldest=_OLDEST) or None
    except TransientStorageError:
        return None
