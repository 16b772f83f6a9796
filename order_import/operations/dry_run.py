"""The dry run: a replay that is only thought, by the functions that decide for real."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from handlers.rules.reservations import release_counted
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.messages import MessageContext, MessageRef
from models.reference_data import Catalog, StockedProduct, Store
from models.replay import (
    NOT_RECEIVED,
    ReplayAnswer,
    ReplayReason,
    ReplayResult,
    Selection,
)
from models.topics import TopicName
from order_import.operations.assumptions import Assumptions, BadAssumption
from order_import.operations.replay import Summary
from storage.port import Facts, Snapshot, Storage

CHUNK = 500
"""How many orders are in memory at a time. Of all others there is only the key."""

_DRY = "dry-run"


async def select_keys(storage: Storage, wanted: Selection) -> list[str]:
    """Give the keys of a replay's orders, oldest purchase first; named but unknown ones last.

    Raises:
        StorageUnavailable: The database does not answer.
    """

    async def work(view: Snapshot) -> list[str]:
        return await _keys(view, wanted, await view.stores())

    return await storage.snapshot(work)


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

    async def work(view: Snapshot) -> Summary:
        summary = Summary()
        async for answer in _answers(view, wanted, at, assumed or Assumptions()):
            summary.add(answer)
            tell(answer)
        return summary

    return await storage.snapshot(work)


async def _keys(view: Snapshot, wanted: Selection, stores: Mapping[str, Store]) -> list[str]:
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
    view: Snapshot, wanted: Selection, at: datetime, assumed: Assumptions
) -> AsyncIterator[ReplayAnswer]:
    facts = HypotheticalFacts(view, assumed, at)
    keys = await _keys(view, wanted, await facts.stores())
    context = MessageContext(MessageRef(TopicName.COMMANDS, 0, 0), at)
    created = 0
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        records = await view.orders(part)
        unit_of_work = UnitOfWork(TopicName.COMMANDS, at, last_number=created)
        await unit_of_work.prepare(facts, records.values())
        for key in part:
            if key in records:
                yield unit_of_work.replay(records[key], context, _DRY)
            else:
                yield ReplayAnswer(key, ReplayResult.REFUSED, (ReplayReason(NOT_RECEIVED),))
        facts.take(unit_of_work.stock.reserved)
        created += unit_of_work.created


class HypotheticalFacts(Facts):
    """Gives stores and catalog to a bench. Nothing of it is stored."""

    def __init__(self, view: Snapshot, assumed: Assumptions, at: datetime) -> None:
        self._view = view
        self._assumed = assumed
        self._at = at
        self._taken: Counter[str] = Counter()
        self._stores: Mapping[str, Store] | None = None
        self._products: dict[str, StockedProduct] = {}

    @override
    async def stores(self) -> Mapping[str, Store]:
        """Give all stores by id, as assumed.

        Raises:
            BadAssumption: Something is assumed of a store that is not known.
        """
        if self._stores is None:
            told = await self._view.stores()
            for store_id in self._assumed.stores:
                if store_id not in told:
                    known = ", ".join(sorted(told)) or "none"
                    raise BadAssumption(f"store {store_id}: not known; there are: {known}")
            self._stores = {one: self._assumed.store(store) for one, store in told.items()}
            self._products = await self._assumed_products()
        return self._stores

    @override
    async def catalog(self, wanted: Collection[tuple[str, str]]) -> Catalog:
        """Give listings and products, less what the orders so far would hold."""
        await self.stores()
        told = await self._view.catalog(wanted)
        listings = {keys.listing_key(*pair) for pair in wanted}
        matches = {one: sku for one, sku in self._assumed.matches.items() if one in listings}
        products = {
            **told.products,
            **await self._view.products(set(matches.values()) - told.products.keys()),
            **self._products,
        }
        left = {
            sku: replace(stocked, reserved=stocked.reserved + self._taken[sku])
            for sku, stocked in products.items()
        }
        return Catalog({**told.matches, **matches}, left, told.similar)

    def take(self, reserved: Mapping[str, int]) -> None:
        """Keep units from the orders to come."""
        self._taken.update(reserved)

    async def _assumed_products(self) -> dict[str, StockedProduct]:
        """Give the assumed products. A new count leaves out what Commerce has counted (rule 10)."""
        skus = set(self._assumed.products)
        there = await self._view.products(skus)
        ever = await self._view.product_versions(skus)
        counted: Counter[str] = Counter()
        as_of = {
            sku: self._at
            for sku, fields in self._assumed.products.items()
            if "salable_quantity" in fields
        }
        for order in await self._view.acknowledged_orders_reserving(set(as_of)):
            for reservation in release_counted(order, as_of)[1]:
                counted[reservation.sku] += reservation.quantity
        return {
            sku: StockedProduct(
                self._assumed.product(sku, there[sku].product if sku in there else None, self._at),
                (ever[sku].reserved if sku in ever else 0) - counted[sku],
            )
            for sku in skus
        }
