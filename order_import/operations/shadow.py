"""The shadow run: decide the orders of some time again under other settings, and compare.

A created order is decided again by the facts that its creation was based on, which its history
has; any other order by today's facts, as a replay would. So nothing differs if neither the
settings nor the rules have changed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from handlers.rules.check_order import check_order
from handlers.rules.receive import UNDECIDED
from handlers.rules.reservations import units_by_sku
from handlers.unit_of_work import UnitOfWork, sku_pairs
from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.commerce_order import CommerceOrder
from models.decision import Decision
from models.keys import commerce_order_id, listing_key
from models.messages import MessageContext, MessageRef
from models.money import Money
from models.order_record import OrderRecord
from models.outcome import Blocked, Created, ImportState, Outcome, Waiting, Withdrawn
from models.reference_data import (
    Catalog,
    Product,
    StockedProduct,
    Store,
    stock_of,
    units_of,
)
from models.replay import Selection
from models.topics import TopicName
from order_import.operations.assumptions import Assumptions
from order_import.operations.dry_run import CHUNK, HypotheticalFacts
from storage.port import Snapshot, Storage

FIRST = 20
"""How many orders of each kind of difference are listed."""

_SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Differing:
    """An order that would have another outcome. `total` is the order's own total."""

    key: str
    before: Outcome
    after: Outcome
    total: Money | None


@dataclass(slots=True)
class Difference:
    """The orders with one outcome that would have one other outcome.

    `value` has the sum of their totals per currency, `first` the first of them.
    """

    before: str
    after: str
    orders: int = 0
    value: dict[str, Decimal] = field(default_factory=dict)
    first: list[Differing] = field(default_factory=list)

    @property
    def money(self) -> list[Money]:
        """The sum of the orders' totals, one per currency."""
        return [
            Money.model_construct(amount=amount, currency=currency)
            for currency, amount in sorted(self.value.items())
        ]


@dataclass(slots=True)
class ShadowSummary:
    """What a shadow run found. Its size does not grow with the number of orders.

    `not_compared` counts the orders that Amazon has canceled or moved back since they were decided.
    """

    compared: int = 0
    not_compared: int = 0
    by_outcome: dict[tuple[str, str], Difference] = field(default_factory=dict)

    @property
    def differing(self) -> int:
        """How many orders would have another outcome."""
        return sum(difference.orders for difference in self.by_outcome.values())

    @property
    def differences(self) -> list[Difference]:
        """The differences, that of most orders first."""
        return sorted(self.by_outcome.values(), key=lambda difference: -difference.orders)

    def add(self, record: OrderRecord, after: Outcome) -> None:
        """Count an order and the outcome that it would have."""
        if has_moved_on(record, after):
            self.not_compared += 1
            return
        self.compared += 1
        before = record.outcome
        if _compared(before) == _compared(after):
            return
        names = describe(before), describe(after)
        difference = self.by_outcome.setdefault(names, Difference(*names))
        difference.orders += 1
        total = record.order.total
        if total is not None:
            subtotal = difference.value.get(total.currency, Decimal(0))
            difference.value[total.currency] = subtotal + total.amount
        if len(difference.first) < FIRST:
            difference.first.append(Differing(record.key, before, after, total))


def has_moved_on(record: OrderRecord, after: Outcome) -> bool:
    """Return whether an order is not any more as it was when it was decided.

    It was ready, and Amazon has moved it back or canceled it since. No setting does that.
    """
    if isinstance(record.outcome, Created):
        order = record.order
        is_empty = not any(item.quantity for item in order.items)
        if order.status is AmazonStatus.CANCELED or is_empty:
            return True
    return isinstance(after, Waiting) and not isinstance(record.outcome, Waiting)


def describe(outcome: Outcome) -> str:
    """Return an outcome as its state and the codes of its reasons: `blocked: disabled`."""
    return ": ".join(filter(None, (outcome.state.value, ", ".join(outcome.reasons))))


def causes(outcome: Outcome) -> tuple[str, ...]:
    """Return the codes of an outcome's reasons, a blocker's with its SKU."""
    if isinstance(outcome, Blocked):
        return tuple(
            f"{each.code} {each.sku or each.seller_sku or 'no SKU'}" for each in outcome.blockers
        )
    return outcome.reasons


async def shadow(
    storage: Storage,
    selection: Selection,
    at: datetime,
    assumed: Assumptions,
    report: Callable[[int, int], None] = lambda _done, _all: None,
) -> ShadowSummary:
    """Decide orders again as assumed, and compare. Reads a snapshot, and changes nothing.

    Created orders come first, each with the stock of its own moment; then all others, which get
    what is left today: waiting ones, which may reserve while they are pending, before the rest.
    Units that an order would reserve, or would leave, count for those after it. Within each of
    the three, the oldest purchase comes first.

    Args:
        storage: Where orders and facts are.
        selection: Which orders, by store and purchase date, whatever their state.
        at: The current time.
        assumed: Hypothetical settings and facts, which take precedence.
        report: Called with the number of orders done, and of all.

    Raises:
        StorageUnavailable: The database does not answer.
        BadAssumption: An assumption is about an unknown store.
    """

    async def work(view: Snapshot) -> ShadowSummary:
        run = _Run(view, assumed, at)
        created, waiting, others = await _select(view, selection)
        done, of_all = 0, len(created) + len(waiting) + len(others)
        for keys, decide in (
            (created, run.decide_created),
            (waiting, run.decide_others),
            (others, run.decide_others),
        ):
            for start in range(0, len(keys), CHUNK):
                part = keys[start : start + CHUNK]
                records = await view.orders(part)
                await decide([records[key] for key in part if key in records])
                done += len(part)
                report(done, of_all)
        return run.summary

    return await storage.snapshot(work)


async def _select(view: Snapshot, selection: Selection) -> tuple[Sequence[str], ...]:
    """Return the keys of created orders, waiting ones and the rest, each oldest purchase first."""
    keys = {
        state: await view.select_orders(replace(selection, state=state)) for state in ImportState
    }
    created, waiting = keys.pop(ImportState.CREATED), keys.pop(ImportState.WAITING)
    others = tuple(key for of_state in keys.values() for key in of_state)
    return created, waiting, await view.select_orders(Selection(keys=others))


class _Run:
    def __init__(self, view: Snapshot, assumed: Assumptions, at: datetime) -> None:
        self.summary = ShadowSummary()
        self._view = view
        self._facts = HypotheticalFacts(view, assumed, at)
        self._at = at
        self._context = MessageContext(MessageRef(TopicName.COMMANDS, 0, 0), at)

    async def decide_created(self, records: Collection[OrderRecord]) -> None:
        """Decide created orders again, each by the facts that its creation was based on."""
        stores = await self._facts.stores()
        facts = await self._view.creation_facts([record.key for record in records])
        orders = await self._view.commerce_orders(
            [commerce_order_id(record.key) for record in records]
        )
        today = await self._today(records, orders, stores)
        for record in records:
            order = orders[commerce_order_id(record.key)]
            stock_id = stock_of(stores, record.store_id)
            # In another stock than then, only today's counts are known.
            used = facts.get(record.key, {}) if stock_id == order.stock_id else {}
            past = _past_catalog(record, order, used, today[stock_id])
            decision = _checked(
                check_order(
                    # Its address may have been erased since (rule 27).
                    replace(_undecided(record), buyer_data=None),
                    stores.get(record.store_id),
                    await self._facts.assume(past, stock_id),
                    number=1,
                    context=self._context,
                    replayed=True,
                )
            )
            self.summary.add(record, decision.record.outcome)
            if not has_moved_on(record, decision.record.outcome):
                self._reserve(decision, order)

    async def _today(
        self,
        records: Iterable[OrderRecord],
        orders: Mapping[str, CommerceOrder],
        stores: Mapping[str, Store],
    ) -> Mapping[str, Catalog]:
        """Return today's catalog in each stock, as far as these orders need it, or needed it."""
        pairs: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        skus: defaultdict[str, set[str]] = defaultdict(set)
        for record in records:
            stock_id = stock_of(stores, record.store_id)
            pairs[stock_id] |= sku_pairs(record.store_id, record.order)
            skus[stock_id] |= units_by_sku(orders[commerce_order_id(record.key)]).keys()
        catalogs = {}
        for stock_id in pairs:
            catalog = await self._view.catalog(pairs[stock_id], stock_id)
            needed = await self._view.products(skus[stock_id], stock_id)
            catalogs[stock_id] = replace(catalog, products={**catalog.products, **needed})
        return catalogs

    async def decide_others(self, records: Collection[OrderRecord]) -> None:
        """Decide orders without a Commerce order again, by today's facts."""
        unit_of_work = UnitOfWork(TopicName.COMMANDS, self._at)
        undecided = [_undecided(record) for record in records]
        await unit_of_work.prepare(self._facts, undecided)
        for record, fresh in zip(records, undecided, strict=True):
            decision = unit_of_work.recheck(fresh, self._context, replay_id=_SHADOW)
            self.summary.add(record, _checked(decision).record.outcome)
        self._facts.reserve(unit_of_work.stock.take_reserved())

    def _reserve(self, decision: Decision, order: CommerceOrder) -> None:
        """Reserve the units that an order would reserve, in place of those that it has reserved."""
        after, before = Counter[str](), Counter[str]()
        for reservation in decision.reserves:
            after[reservation.sku] += reservation.quantity
        if order.fulfillment_channel is FulfillmentChannel.MFN:
            before = +units_by_sku(order)
        made = decision.commerce_order
        if made is not None and made.stock_id == order.stock_id and after.keys() == before.keys():
            return  # quantities may have changed since, which is no difference
        self._facts.reserve({order.stock_id: {sku: -units for sku, units in before.items()}})
        if made is not None:
            self._facts.reserve({made.stock_id: after})


def _undecided(record: OrderRecord) -> OrderRecord:
    return replace(record, outcome=UNDECIDED)


def _checked(decision: Decision | None) -> Decision:
    if decision is None:
        raise AssertionError("an undecided order is always checked")
    return decision


def _past_catalog(
    record: OrderRecord, order: CommerceOrder, facts: Mapping[str, Any], today: Catalog
) -> Catalog:
    """Return what the creation of an order was based on; today's where its history lacks it."""
    pairs = sku_pairs(record.store_id, record.order)
    listings = (listing_key(*pair) for pair in pairs)
    matches = {key: today.matches[key] for key in listings if key in today.matches}
    matches |= {
        listing_key(record.store_id, line.item.seller_sku): line.match
        for line in order.lines
        if line.item.seller_sku is not None
    }
    then = Catalog(matches, {})
    skus = {sku for pair in pairs for sku, _ in units_of(then.match(*pair))}
    products = {sku: today.products[sku] for sku in skus & today.products.keys()}
    return Catalog(matches, products | _products_used(facts.get("products", ())))


def _products_used(products: Iterable[Mapping[str, Any]]) -> dict[str, StockedProduct]:
    """Return the products of a history entry, as the blocker check has recorded them."""
    names = ("sku", "enabled", "manage_stock", "as_of")
    return {
        product["sku"]: StockedProduct(
            Product.model_construct(**{name: product[name] for name in names}),
            product["reserved"],
            product["salable_quantity"],
            product["as_of"],
        )
        for product in products
    }


def _compared(outcome: Outcome) -> tuple[ImportState, frozenset[str]]:
    """Return what makes two outcomes the same: the state, and the codes with their products.

    A withdrawn order counts as skipped: only its past is another.
    """
    state = ImportState.SKIPPED if isinstance(outcome, Withdrawn) else outcome.state
    return state, frozenset(causes(outcome))
