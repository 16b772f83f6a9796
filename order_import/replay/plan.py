"""The dry run: a replay that is only thought, by the functions that decide for real."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime

from handlers.unit_of_work import UnitOfWork
from models.messages import MessageContext, MessageRef
from models.reference_data import Store
from models.replay import (
    NOT_RECEIVED,
    ReplayAnswer,
    ReplayReason,
    ReplayResult,
    Selection,
)
from models.topics import TopicName
from order_import.replay.assumptions import Assumptions
from order_import.replay.hypothetical import HypotheticalFacts
from order_import.replay.summary import Summary
from storage.port import Storage, View

CHUNK = 500
"""How many orders are in memory at a time. Of all others there is only the key."""

_DRY = "dry-run"


async def select_keys(storage: Storage, wanted: Selection) -> list[str]:
    """Give the keys of a replay's orders, oldest purchase first; named but unknown ones last.

    Raises:
        StorageUnavailable: The database does not answer.
    """

    async def work(view: View) -> list[str]:
        return await _keys(view, wanted, await view.stores())

    return await storage.look(work)


async def dry_run(
    storage: Storage,
    wanted: Selection,
    at: datetime,
    assumed: Assumptions | None = None,
    tell: Callable[[ReplayAnswer], None] = lambda _: None,
) -> Summary:
    """Give what a replay would do, on one moment's facts. Changes nothing, and waits for nobody.

    Args:
        storage: Where orders and facts are.
        wanted: Which orders.
        at: The present moment.
        assumed: Facts to be taken for true.
        tell: Called with each order's answer, in the order they would be judged.

    Raises:
        StorageUnavailable: The database does not answer.
        BadAssumption: Something is assumed of a store that is not known.
    """

    async def work(view: View) -> Summary:
        summary = Summary()
        async for answer in _answers(view, wanted, at, assumed or Assumptions()):
            summary.add(answer)
            tell(answer)
        return summary

    return await storage.look(work)


async def _keys(view: View, wanted: Selection, stores: Mapping[str, Store]) -> list[str]:
    allowing = tuple(one for one, store in stores.items() if store.import_non_amazon_orders)
    found = list(await view.select_orders(replace(wanted, non_amazon_stores=allowing)))
    if wanted.keys is None:
        return found
    if wanted.reason is not None or wanted.sku is not None:
        return found  # what was never received has neither
    # A name that is not found may be mistyped: it is refused in words, and not left out.
    known, store = set(found), wanted.store_id
    left = [
        key
        for key in dict.fromkeys(wanted.keys)
        if key not in known and (store is None or key.startswith(f"{store}/"))
    ]
    for at in range(0, len(left), CHUNK):
        part = left[at : at + CHUNK]
        there = await view.orders(part)
        found += [key for key in part if key not in there]
    return found


async def _answers(
    view: View, wanted: Selection, at: datetime, assumed: Assumptions
) -> AsyncIterator[ReplayAnswer]:
    facts = HypotheticalFacts(view, assumed, at)
    keys = await _keys(view, wanted, await facts.stores())
    context = MessageContext(MessageRef(TopicName.COMMANDS, 0, 0), at)
    created = 0
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        records = await view.orders(part)
        unit_of_work = UnitOfWork(TopicName.COMMANDS, at, numbered=created)
        await unit_of_work.prepare(facts, records.values())
        for key in part:
            if key in records:
                yield unit_of_work.replay(records[key], context, _DRY)
            else:
                yield ReplayAnswer(key, ReplayResult.REFUSED, (ReplayReason(NOT_RECEIVED),))
        facts.take(unit_of_work.reserved)
        created += unit_of_work.created
