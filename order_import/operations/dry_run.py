"""The dry run: compute what a replay would do, with the functions that the worker uses."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from handlers.rules.reservations import release_counted
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.messages import MessageContext, MessageRef
from models.reasons import NOT_RECEIVED
from models.reference_data import Catalog, StockedProduct, Store
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

    Args:
        storage: Where orders and facts are.
        selection: Which orders.
        at: The current time.
        assumed: Hypothetical facts, which take precedence.
        report: Called with each order's answer, in the order of the checks.

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
        facts.reserve(unit_of_work.stock.take_reserved())
        created += unit_of_work.created


class HypotheticalFacts(Facts):
    """Stores and catalog as assumed, for a unit of work that is never stored."""

    def __init__(self, view: Snapshot, assumed: Assumptions, at: datetime) -> None:
        self._view = view
        self._assumed = assumed
        self._at = at
        self._reserved: Counter[str] = Counter()
        self._stores: Mapping[str, Store] | None = None
        self._matched: Mapping[str, StockedProduct] = {}
        self._products: Mapping[str, StockedProduct] = {}

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
            self._matched = await self._view.products(set(self._assumed.matches.values()))
            self._products = await self._assumed_products()
        return self._stores

    @override
    async def catalog(self, pairs: Collection[tuple[str, str]]) -> Catalog:
        """Return listings and products, minus the units that earlier orders would reserve."""
        await self.stores()
        stored = await self._view.catalog(pairs)
        listings = {keys.listing_key(*pair) for pair in pairs}
        matches = {
            listing: sku for listing, sku in self._assumed.matches.items() if listing in listings
        }
        products = {**stored.products, **self._matched, **self._products}
        return Catalog({**stored.matches, **matches}, self._remaining(products), stored.similar)

    def reserve(self, reserved: Mapping[str, int]) -> None:
        """Reserve units, so that later orders do not get them; negative ones are released."""
        self._reserved.update(reserved)

    def assume(self, past: Catalog) -> Catalog:
        """Return listings and products of the past as assumed; call it after `stores`.

        Units that earlier orders would reserve are left out, as in `catalog`.
        """
        products = {
            sku: replace(stocked, product=self._assumed.product(sku, stocked.product, self._at))
            for sku, stocked in past.products.items()
        }
        return Catalog(
            {**past.matches, **self._assumed.matches},
            self._remaining({**self._matched, **self._products, **products}),
        )

    def _remaining(self, products: Mapping[str, StockedProduct]) -> Mapping[str, StockedProduct]:
        return {
            sku: stocked.with_reserved(self._reserved[sku]) for sku, stocked in products.items()
        }

    async def _assumed_products(self) -> dict[str, StockedProduct]:
        """Return the assumed products.

        An assumed quantity releases the reservations that Commerce has counted (rule 10).
        """
        skus = set(self._assumed.products)
        stored = await self._view.products(skus)
        versions = await self._view.product_versions(skus)
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
                self._assumed.product(
                    sku, stored[sku].product if sku in stored else None, self._at
                ),
                (versions[sku].reserved if sku in versions else 0) - counted[sku],
            )
            for sku in skus
        }
