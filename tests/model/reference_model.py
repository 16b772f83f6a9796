"""The rules once more, slow and plain: one message after the other, each with all that follows.

Written from the text of docs/rules.md; the numbers name its rules. Nothing of the program's own
decisions is used. `tests/model/test_histories.py` compares the two.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from tests import builders
from tests.model import messages as m
from tests.model.amended import amend_order, pieces_of, units_of
from tests.model.end import End
from tests.model.order import PENDING, Made, Order

READY = {"MFN": {"Unshipped", "PartiallyShipped", "Shipped"}, "AFN": {"Shipped"}}
Blocker = tuple[str, str | None, int, float | None, str | None]
"""Code, SKU, units needed, units available, and the stock that has not enough."""
ENDS = {"Canceled": "canceled", "Shipped": "complete"}
FORWARD = {"processing": {"shipped", "complete", "canceled"}, "shipped": {"complete"}}
NOW = (builders.NOW - m.START) // timedelta(minutes=1)


class Model:
    def __init__(self, now: int = NOW) -> None:
        self.now = now
        """The minute in which all is decided."""
        self.stores: dict[str, m.StoreTold] = {}
        self.products: dict[str, m.ProductTold] = {}
        self.gone: set[str] = set()
        self.counts: dict[tuple[str, str], tuple[int, int]] = {}
        """What was last counted of a product in a stock, and when."""
        self.listings: dict[str, m.ListingTold] = {}
        self.orders: dict[str, Order] = {}

    def take(self, told: m.AnyMessage) -> None:
        match told:
            case m.News():
                self._receive(told)
            case m.UpdateTold():
                self._hear_of(told)
            case m.SyncAsked(store):
                self._sync(store)
            case m.ReplayAsked(store, name):
                self._replay(self.orders.get(f"{store}/{name}"))
            case m.ProductTold() | m.ProductGone() | m.StockTold() | m.StockGone():
                self._learn_of_product(told)
            case _:
                self._learn(told)

    def _learn(self, fact: m.AnyMessage) -> None:
        """Keep the newest word on a fact, and wake those who wait on it."""
        match fact:
            case m.StoreTold(store=store) if _newer(fact.updated, self.stores.get(store)):
                self.stores[store] = fact
                self._rejudge(f"store:{store}")
            case m.ListingTold(store=store, seller=seller):
                if _newer(fact.updated, self.listings.get(f"{store}/{seller}")):
                    self.listings[f"{store}/{seller}"] = fact
                    self._rejudge(f"listing:{store}/{seller}")
            case m.ListingGone(store, seller):
                self.listings.pop(f"{store}/{seller}", None)
                self._rejudge(f"listing:{store}/{seller}")
            case _:
                pass  # older than what is known

    def _learn_of_product(
        self, fact: m.ProductTold | m.ProductGone | m.StockTold | m.StockGone
    ) -> None:
        match fact:
            case m.ProductTold(sku=sku):
                last = self.products.get(sku)
                is_newer = last is None or fact.as_of >= last.as_of
                if is_newer:
                    self.products[sku] = fact
                    self.gone.discard(sku)
                is_counted = fact.quantity is not None and self._count(
                    "default", sku, fact.quantity, fact.as_of
                )
                if is_newer or is_counted:
                    self._rejudge(f"product:{sku}")
            case m.StockTold(stock, sku, quantity, as_of):
                if self._count(stock, sku, quantity, as_of):
                    self._rejudge(_stock_fact(stock, sku))
            case m.StockGone(stock, sku):
                if (stock, sku) in self.counts:
                    self.counts[stock, sku] = 0, self.counts[stock, sku][1]
                self._rejudge(_stock_fact(stock, sku))
            case m.ProductGone(sku):
                self.gone.add(sku)
                self._rejudge(f"product:{sku}")

    def _count(self, stock: str, sku: str, quantity: int, as_of: int) -> bool:
        """Rule 23: keep the newest count, and say whether it is this one."""
        last = self.counts.get((stock, sku))
        is_newer = last is None or as_of >= last[1]
        if is_newer:
            self.counts[stock, sku] = quantity, as_of
            for order in self.orders.values():
                if order.stock == stock:
                    self._count_out(order, sku)
        return is_newer

    def _count_out(self, order: Order, sku: str) -> None:
        """Rules 10 and 26: what Commerce's count leaves out by now is no longer reserved."""
        counted, since = self.counts.get((order.stock, sku)), self._counted_from(order)
        if counted is not None and since is not None and since <= counted[1]:
            order.kept.pop(sku, None)

    def _counted_from(self, order: Order) -> int | None:
        """Rule 26."""
        match self.stores[order.store].counts:
            case "never":
                return order.completed
            case "shipped":
                times = order.acknowledged, order.shipped
                return None if None in times else max(at for at in times if at is not None)
            case _:
                return order.acknowledged

    def _stock_of(self, store: str) -> str:
        """Rule 23: an unknown store counts as one of the stock `default`."""
        return self.stores[store].stock if store in self.stores else "default"

    def _available(self, stock: str, sku: str) -> float:
        return self.counts.get((stock, sku), (0, 0))[0] - self.reserved(stock, sku)

    def _replay(self, order: Order | None) -> None:
        """Rule 14."""
        if order and order.state != "created" and order.reasons != {"canceled"}:
            reserved = self._holds(order)
            self._settle(order, replayed=True)
            self._released_skus(reserved, order)

    def _receive(self, news: m.News) -> None:
        order = next((one for one in self.orders.values() if one.name == news.order), None)
        if order is not None and order.store != news.store:
            if order.store in self.stores:
                return  # rule 22: another store has it
            self._change_store(order, news.store)
        if order is None:
            order = Order(news.store, news.order)
            self.orders[order.key] = order
        known = order.known
        before, reserved = order.judged_by, self._holds(order)
        address, sold_on = order.address, order.sold_on
        moves = order.hear(news)
        if order.commerce is None:
            self._settle(
                order, unchanged=order.judged_by == before, resold=order.sold_on != sold_on
            )
        else:
            ends = ENDS.get(news.status or "", "") if moves else ""
            is_canceled = order.commerce == "canceled" or order.status == "Canceled"
            self._amend(order, address, is_canceled=is_canceled)
            self._move(order, ends, self.now)  # rules 16 and 17
        self._released_skus(reserved, order)
        order.ignored += order.known == known  # rule 15

    def _change_store(self, order: Order, store: str) -> None:
        """Rule 22: what waits for an unknown store goes to the one that is named now."""
        del self.orders[order.key]
        order.store = store
        order.waits = {f"store:{store}"} if order.waits else set()
        self.orders[order.key] = order

    def _amend(self, order: Order, address: str | None, *, is_canceled: bool) -> None:
        """Rules 6 and 16. A new line stands for what it is matched to by now."""
        before = pieces_of(order)
        if not is_canceled and order.commerce != "complete":
            for item, line in order.lines.items():
                if line.quantity and line.seller is not None and item not in order.made:
                    match = self._match(order.store, line.seller) or ""
                    order.made[item] = Made(match, 0, None, asked=False)
        changes = set(amend_order(order, address, is_canceled=is_canceled))
        if order.commerce == "processing":
            self._reserve(order, before)
        asked = {change for change in changes if change[0] == "asked"}
        if changes - asked:
            told = (*order.whole, frozenset(changes - asked))
            order.events.append(("CommerceOrderAmended", told))
        if asked:
            items = frozenset(item for _, item, _, _ in asked)
            order.events.append(("CommerceOrderCancellationRequested", items))

    def _reserve(self, order: Order, before: Counter[str]) -> None:
        """Rule 10: no more than is needed; what is needed more only if all of it is available."""
        needed = pieces_of(order)
        for sku in order.kept:
            order.kept[sku] = min(order.kept[sku], needed[sku])
        for sku, units in (needed - before).items():
            product = None if sku in self.gone else self.products.get(sku)
            if product and (not product.managed or self._available(order.stock, sku) >= units):
                order.kept[sku] = order.kept.get(sku, 0) + units
                order.acknowledged, order.grown = None, True

    def _policy(self, order: Order) -> tuple[str, str]:
        """Rules 1 to 5 and 21; the first that applies is the answer."""
        store = self.stores.get(order.store)
        if store is None:
            return "waiting", "store-unknown"
        if order.status == "Canceled":
            return "skipped", "canceled"
        if order.sold_on == "Non-Amazon" and not store.imports_others:  # rule 21
            return "skipped", "not-sold-on-amazon"
        if order.purchase is None:
            return "waiting", "purchase-date-unknown"
        if order.purchase < store.integrated:
            return "skipped", "before-integration"
        if order.status is not None and order.status not in READY[order.channel or "MFN"]:
            return "waiting", "status-not-importable"
        if order.missing:
            return "waiting", "details-pending"
        if not any(line.quantity for line in order.lines.values()):
            return "skipped", "nothing-to-import"
        return ("admitted", "") if store.imports else ("skipped", "import-disabled")

    def _settle(
        self,
        order: Order,
        *,
        replayed: bool = False,
        unchanged: bool = False,
        resold: bool = False,
    ) -> None:
        self._decide(order, replayed=replayed, unchanged=unchanged, resold=resold)
        if order.commerce is None:
            self._hold(order)

    def _decide(self, order: Order, *, replayed: bool, unchanged: bool, resold: bool) -> None:
        state, reason = self._policy(order)
        # Rules 4 and 21: what a setting skips or keeps back does not change with the setting.
        settings = {"import-disabled"} | (set() if resold else {"not-sold-on-amazon"})
        disabled = order.state == "skipped" and order.reasons <= settings
        if state == "admitted":
            if replayed or not (disabled or (order.state == "blocked" and unchanged)):  # rule 4
                self._check(order, replayed=replayed)
        elif order.state == "blocked":
            if state == "skipped" and reason not in settings:  # rules 4, 16
                self._becomes(order, "withdrawn", reason)
                order.events.append(("OrderImportWithdrawn", reason))
        elif order.state == "waiting" and reason == "canceled":  # rule 16
            self._becomes(order, "withdrawn", reason)
        elif order.state == "withdrawn" and order.reasons == {reason}:
            pass
        elif disabled and state == "waiting":
            pass  # rules 4 and 21
        elif order.state != state or order.reasons != {reason}:
            self._becomes(order, state, reason)
            if state == "skipped":
                order.events.append(("OrderImportSkipped", reason))

    def _hold(self, order: Order) -> None:
        """Rule 25: all or none; then it keeps what it still needs until it is created."""
        store = self.stores.get(order.store)
        if not (store and store.reserves and order.state == "waiting" and order.channel == "MFN"):
            order.held = {}
            return
        needs = self._needs(order)
        waits_for_payment = (
            order.status in PENDING
            and order.reasons == {"status-not-importable"}
            and order.missing <= {"prices-after-pending"}
            and needs
            and store.imports
        )
        if waits_for_payment and not any(
            code != "out-of-stock" or order.held_in != stock or order.held.get(sku or "", 0) < units
            for needed, amount in needs.items()
            for code, sku, units, _, stock in self._blockers(order, needed, amount)
        ):
            order.held = {sku or "": units for sku, units in needs.items()}
            order.held_in = store.stock
        else:
            less = {sku: min(units, needs.get(sku, 0)) for sku, units in order.held.items()}
            order.held = {sku: units for sku, units in less.items() if units}

    def _needs(self, order: Order) -> dict[str | None, int]:
        """Rules 9 and 24."""
        needs: dict[str | None, int] = {}
        for line in order.lines.values():
            for sku, in_one in units_of(self._match(order.store, line.seller)):
                if line.quantity:
                    needs[sku] = needs.get(sku, 0) + in_one * line.quantity
        return needs

    def _becomes(self, order: Order, state: str, reason: str) -> None:
        order.state, order.reasons = state, frozenset({reason})
        order.waits = {f"store:{order.store}"} if reason == "store-unknown" else set()

    def _check(self, order: Order, *, replayed: bool) -> None:
        """Rules 7 to 11 and 13."""
        needs = self._needs(order)
        blockers = {one for sku in needs for one in self._blockers(order, sku, needs[sku])}
        causes = frozenset((code, sku, stock) for code, sku, _, _, stock in blockers)
        if not blockers:
            self._create(order, needs, replayed=replayed)
            return
        if order.state != "blocked" or order.reasons != causes:
            order.events.append(("OrderImportBlocked", frozenset(blockers)))
        order.state, order.reasons = "blocked", causes
        order.waits = {f"store:{order.store}"}
        for line in order.lines.values():
            for sku, _ in units_of(self._match(order.store, line.seller)):
                if line.quantity and sku in {cause for _, cause, _ in causes} - {None}:
                    order.waits |= {f"product:{sku}", f"listing:{order.store}/{line.seller}"}
                    order.waits.add(_stock_fact(self._stock_of(order.store), sku or ""))

    def _blockers(self, order: Order, sku: str | None, needed: int) -> Iterator[Blocker]:
        product = None if sku is None or sku in self.gone else self.products.get(sku)
        if sku is None or product is None:
            yield "not-in-catalog", sku, needed, None, None
            return
        stock = self._stock_of(order.store)
        available = self._available(stock, sku)
        if order.held_in == stock:  # rule 25: its own units are there for it
            available += order.held.get(sku, 0)
        told = available if product.managed else None
        if not product.enabled or order.store in product.disabled_for:
            yield "disabled", sku, needed, told, None
        counts = order.channel == "MFN" or self.stores[order.store].fba_requires_stock
        if counts and product.managed and available < needed:
            yield "out-of-stock", sku, needed, told, stock

    def _create(self, order: Order, needs: dict[str | None, int], *, replayed: bool) -> None:
        merchant, was_blocked = order.channel == "MFN", order.state == "blocked"
        order.state, order.reasons, order.waits = "created", frozenset(), set()
        order.commerce = "processing" if merchant else "complete"
        order.stock = self._stock_of(order.store)
        order.held = {}
        order.kept = {sku or "": needed for sku, needed in needs.items()} if merchant else {}
        order.made = {
            item: Made(
                self._match(order.store, line.seller) or "", line.quantity, line.price, False
            )
            for item, line in order.lines.items()
            if line.quantity
        }
        for item, made in order.made.items():
            made.asked = bool(order.lines[item].asked)
        order.made_total, order.addressed = order.total, order.address is not None
        order.events.append(("CommerceOrderCreated", (*order.whole, replayed)))
        if was_blocked:
            order.events.append(("OrderImportReleased", None))
        if order.status == "Shipped":
            self._move(order, "complete", self.now)

    def _match(self, store: str, seller: str | None) -> str | tuple[tuple[str, int], ...] | None:
        listing = self.listings.get(f"{store}/{seller}")
        return seller if listing is None else listing.stands_for

    def _move(self, order: Order, to: str, at: int) -> None:
        """Rules 16 and 17."""
        if order.commerce is not None and to in FORWARD.get(order.commerce, set()):
            order.events.append(("CommerceOrderStatusChanged", (order.commerce, to)))
            order.commerce = to
            if to == "complete":
                order.completed = at

    def _holds(self, order: Order) -> dict[tuple[str, str], int]:
        """Rules 10 and 25: what an order reserves, by stock and SKU."""
        if order.commerce is None:
            return {(order.held_in, sku): units for sku, units in order.held.items()}
        kept = {} if order.commerce == "canceled" else order.kept
        return {(order.stock, sku): units for sku, units in kept.items()}

    def reserved(self, stock: str, sku: str) -> int:
        return sum(self._holds(order).get((stock, sku), 0) for order in self.orders.values())

    def _released_skus(self, reserved: dict[tuple[str, str], int], order: Order) -> None:
        now = self._holds(order)
        for place in sorted(one for one, units in reserved.items() if now.get(one, 0) < units):
            self._rejudge(_stock_fact(*place))

    def _hear_of(self, told: m.UpdateTold) -> None:
        order = self.orders.get(f"{told.store}/{told.order}")
        if order is None or order.commerce is None:
            return
        if order.heard is not None and told.at < order.heard:
            return
        reserved = self._holds(order)
        self._move(order, told.status, told.at)
        order.heard = told.at
        if order.acknowledged is None and (not order.grown or told.at >= self.now):
            order.acknowledged = told.at
        if order.shipped is None and told.status in {"shipped", "complete"}:
            order.shipped = told.at
        for sku in list(order.kept):
            self._count_out(order, sku)
        if told.status == "shipped" and order.status != "Canceled":  # rule 17
            order.status = "Shipped"
        self._released_skus(reserved, order)

    def _sync(self, store: str) -> None:
        """Rules 12 and 17."""
        for order in self.orders.values():
            if order.store == store and order.commerce == "shipped":
                self._move(order, "complete", self.now)
        self._judge_again([one for one in self.orders.values() if one.store == store])

    def _rejudge(self, fact: str) -> None:
        """Rule 12: exactly the orders that wait on the fact, oldest purchase first."""
        self._judge_again([order for order in self.orders.values() if fact in order.waits])

    def _judge_again(self, orders: list[Order]) -> None:
        for order in sorted(orders, key=lambda one: (one.purchase or 0, one.key)):
            if order.waits:
                self._settle(order)

    def end(self) -> End:
        return End(
            orders={
                key: (order.state, _told(order), order.status, order.commerce, order.ignored)
                for key, order in self.orders.items()
            },
            reserved={
                f"{stock}/{sku}": units
                for sku in self.products
                for stock in {one for order in self.orders.values() for one in order.stocks}
                if (units := self.reserved(stock, sku))
            },
            events={key: tuple(one.events) for key, one in self.orders.items() if one.events},
        )


def _stock_fact(stock: str, sku: str) -> str:
    return f"product:{sku}" if stock == "default" else f"stock:{stock}/{sku}"


def _told(order: Order) -> frozenset[object]:
    """Rule 5: an order that waits for details names them."""
    waits = order.state == "waiting" and order.reasons == {"details-pending"}
    return order.reasons | order.missing if waits else order.reasons


def _newer(updated: int, last: m.StoreTold | m.ListingTold | None) -> bool:
    return last is None or updated >= last.updated


def end_of(told: Iterable[m.AnyMessage], now: int = NOW) -> End:
    """Say how it ends, if all that follows from a message happens before the next is told."""
    model = Model(now)
    for one in told:
        model.take(one)
    return model.end()
