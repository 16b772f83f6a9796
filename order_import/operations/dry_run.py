"""The dry run: compute what a replay would do, with the functions that the worker uses."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from handlers.rules.reservations import release_counted
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.keys import DEFAULT_STOCK
from models.messages import MessageContext, MessageRef
from models.outcome import ImportState
from models.reasons import NOT_RECEIVED
from models.reference_data import (
    Catalog,
    StockedProduct,
    Store,
    counts_orders_from,
    units_of,
)
from models.replay import ReplayAnswer, ReplayReason, ReplayResult, Selection
from models.topics import TopicName
from order_import.operations.assumptions import Assumptions, BadAssumption
from order_import.operations.replay import Summary
from storage.port import Facts, Snapshot, Storage

CHUNK = 500
"""How many orders are in memory at a time. Of all others, only the key is."""

_DRY = "dry-run"


async def select_keys(storage: Storage, selection: Selection) -> list[str]:
    """Return the keys of a replay's orders, oldest purchase first; named but unknown ones last.

    Raises:
        StorageUnavailable: The database does not answer.
    """

    async def work(view: Snapshot) -> list[str]:
        return await _select_keys(view, selection, await view.stores())

    return await storage.snapshot(work)


async def dry_run(
    storage: Storage,
    selection: Selection,
    at: datetime,
    assumed: Assumptions | None = None,
    report: Callable[[ReplayAnswer], None] = lambda _: None,
) -> Summary:
    """Return what a replay would do. Reads a snapshot without locking, and changes nothing.

    Assumed facts take precedence. `report` is called with each answer, in the order of the checks.

    Raises:
        StorageUnavailable: The database does not answer.
        BadAssumption: An assumption is about an unknown store.
    """

    async def work(view: Snapshot) -> Summary:
        summary = Summary()
        async for answer in _answers(view, selection, at, assumed or Assumptions()):
            summary.add(answer)
            report(answer)
        return summary

    return await storage.snapshot(work)


async def _select_keys(
    view: Snapshot, selection: Selection, stores: Mapping[str, Store]
) -> list[str]:
    allowing = tuple(
        store_id for store_id, store in stores.items() if store.import_non_amazon_orders
    )
    keys = list(await view.select_orders(replace(selection, non_amazon_stores=allowing)))
    if selection.keys is None:
        return keys
    if selection.reason is not None or selection.sku is not None:
        return keys  # orders that were never received have neither
    # A name that is not found may be mistyped: it is refused with a reason, not left out.
    selected, store = set(keys), selection.store_id
    others = [
        key
        for key in dict.fromkeys(selection.keys)
        if key not in selected and (store is None or key.startswith(f"{store}/"))
    ]
    for at in range(0, len(others), CHUNK):
        part = others[at : at + CHUNK]
        received = await view.orders(part)
        keys += [key for key in part if key not in received]
    return keys


async def _answers(
    view: Snapshot, selection: Selection, at: datetime, assumed: Assumptions
) -> AsyncIterator[ReplayAnswer]:
    facts = HypotheticalFacts(view, assumed, at)
    keys = await _select_keys(view, selection, await facts.stores())
    context = MessageContext(MessageRef(TopicName.COMMANDS, 0, 0), at)
    created: Counter[str] = Counter()
    for store_id, fields in assumed.stores.items():
        if "reserve_pending" in fields:
            await _reserve_pending(view, store_id, {*keys}, facts, context)
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        records = await view.orders(part)
        unit_of_work = UnitOfWork(TopicName.COMMANDS, at, last_numbers=created)
        await unit_of_work.prepare(facts, records.values())
        for key in part:
            if key in records:
                yield unit_of_work.replay(records[key], context, _DRY)
            else:
                yield ReplayAnswer(key, ReplayResult.REFUSED, (ReplayReason(NOT_RECEIVED),))
        facts.reserve(unit_of_work.stock.take_reserved())
        created += unit_of_work.created


async def _reserve_pending(
    view: Snapshot,
    store_id: str,
    selected: Collection[str],
    facts: "HypotheticalFacts",
    context: MessageContext,
) -> None:
    """Reserve, or release, what the pending orders of a store would have reserved (rule 25).

    They may have the units that the selected orders need, and are not among them.
    """
    waiting = await view.select_orders(Selection(store_id, state=ImportState.WAITING))
    keys = [key for key in waiting if key not in selected]
    for start in range(0, len(keys), CHUNK):
        records = (await view.orders(keys[start : start + CHUNK])).values()
        unit_of_work = UnitOfWork(TopicName.COMMANDS, context.at)
        await unit_of_work.prepare(facts, records)
        for record in records:
            status = record.order.status
            if status is not None and not status.is_past_pending:
                unit_of_work.recheck(record, context)
        facts.reserve(unit_of_work.stock.take_reserved())


class HypotheticalFacts(Facts):
    """Stores and catalog as assumed, for a unit of work that is never stored."""

    def __init__(self, view: Snapshot, assumed: Assumptions, at: datetime) -> None:
        self._view = view
        self._assumed = assumed
        self._at = at
        self._reserved: Counter[tuple[str, str]] = Counter()
        self._stores: Mapping[str, Store] | None = None
        self._products: dict[str, Mapping[str, StockedProduct]] = {}

    @override
    async def stores(self) -> Mapping[str, Store]:
        """Return all stores by id, as assumed.

        Raises:
            BadAssumption: An assumption is about an unknown store.
        """
        if self._stores is None:
            stored = await self._view.stores()
            for store_id in self._assumed.stores:
                if store_id not in stored:
                    known_ids = ", ".join(sorted(stored)) or "none"
                    raise BadAssumption(f"store {store_id}: not known; known stores: {known_ids}")
            self._stores = {
                store_id: self._assumed.store(store) for store_id, store in stored.items()
            }
        return self._stores

    @override
    async def catalog(
        self, pairs: Collection[tuple[str, str]], stock_id: str = DEFAULT_STOCK
    ) -> Catalog:
        """Return listings and products, minus the units that earlier orders would reserve."""
        stored = await self._view.catalog(pairs, stock_id)
        listings = {keys.listing_key(*pair) for pair in pairs}
        matches = {
            listing: match
            for listing, match in self._assumed.matches.items()
            if listing in listings
        }
        products = {**stored.products, **await self._assumed_products(stock_id)}
        remaining = self._remaining(products, stock_id)
        return Catalog({**stored.matches, **matches}, remaining, stored.similar)

    def reserve(self, reserved: Mapping[str, Mapping[str, int]]) -> None:
        """Reserve units, so that later orders do not get them; negative ones are released."""
        for stock_id, units in reserved.items():
            self._reserved.update({(stock_id, sku): n for sku, n in units.items()})

    async def assume(self, past: Catalog, stock_id: str) -> Catalog:
        """Return listings and products of the past as assumed.

        Units that earlier orders would reserve are left out, as in `catalog`.
        """
        quantities = self._assumed.quantities(stock_id)
        products = {
            sku: replace(
                stocked,
                product=self._assumed.product(sku, stocked.product, self._at),
                salable_quantity=quantities.get(sku, stocked.salable_quantity),
            )
            for sku, stocked in past.products.items()
        }
        products = {**await self._assumed_products(stock_id), **products}
        matches = {**past.matches, **self._assumed.matches}
        return Catalog(matches, self._remaining(products, stock_id))

    def _remaining(
        self, products: Mapping[str, StockedProduct], stock_id: str
    ) -> Mapping[str, StockedProduct]:
        return {
            sku: stocked.with_reserved(self._reserved[stock_id, sku])
            for sku, stocked in products.items()
        }

    async def _assumed_products(self, stock_id: str) -> Mapping[str, StockedProduct]:
        """Return the products of a stock that an assumption is about, or that it matches."""
        if stock_id not in self._products:
            self._products[stock_id] = await self._assume_products(stock_id)
        return self._products[stock_id]

    async def _assume_products(self, stock_id: str) -> Mapping[str, StockedProduct]:
        """Return the assumed products of a stock.

        An assumed quantity releases the reservations that Commerce has counted (rule 10).
        """
        quantities = self._assumed.quantities(stock_id)
        matched = {sku for match in self._assumed.matches.values() for sku, _ in units_of(match)}
        skus = {*self._assumed.products, *quantities, *matched}
        stored = await self._view.products(skus, stock_id)
        unknown = {
            sku: StockedProduct(self._assumed.product(sku, None, self._at), 0)
            for sku in self._assumed.products.keys() - stored.keys()
        }
        as_of = dict.fromkeys(quantities, self._at)
        counted: Counter[str] = Counter()
        stores = await self.stores()
        for order in await self._view.counted_orders(as_of.keys(), stock_id):
            counts_from = counts_orders_from(stores, order.store_id)
            for reservation in release_counted(order, as_of, counts_from)[1]:
                counted[reservation.sku] += reservation.quantity
        return {
            sku: StockedProduct(
                self._assumed.product(sku, stocked.product, self._at),
                stocked.reserved - counted[sku],
                quantities.get(sku, stocked.salable_quantity),
                as_of.get(sku, stocked.counted_at),
            )
            for sku, stocked in {**stored, **unknown}.items()
        }
