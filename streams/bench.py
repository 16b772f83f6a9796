"""The bench: judges orders one after the other on a page, each after what the ones before took."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from handlers.judgement import judge
from handlers.replay import answer_of
from models.catalog import Catalog
from models.decision import Decision
from models.facts import Store
from models.records import Occasion, OrderRecord
from models.replays import ReplayAnswer
from storage.port import Facts
from streams.page import Page


class Bench:
    """Today's facts, and the running balance of the stock, which the page keeps."""

    def __init__(self, page: Page, facts: Facts, numbered: int) -> None:
        self._page = page
        self._facts = facts
        self._numbered = numbered
        self._stores: Mapping[str, Store] = {}
        self._matches: dict[str, str] = {}
        self._similar: dict[str, str] = {}
        self._catalog = Catalog(self._matches, page.products, self._similar)

    async def prepare(self, records: Iterable[OrderRecord]) -> None:
        """Fetch the facts these orders are judged by.

        For what is to be stored, the facts are a transaction's that has taken the stock's turn.
        """
        judged = list(records)
        self._page.remember(judged)
        wanted = {
            (record.store_id, item.seller_sku)
            for record in judged
            for item in record.order.items
            if item.seller_sku is not None and item.quantity
        }
        self._stores = await self._facts.stores()
        catalog = await self._facts.catalog(wanted)
        self._matches.update(catalog.matches)
        self._similar.update(catalog.similar)
        self._page.stock(catalog.products)

    def judge(
        self, record: OrderRecord, occasion: Occasion, *, replay_id: str | None = None
    ) -> Decision | None:
        """Judge one order and put the decision on the page. Its story names the replay."""
        decision = judge(
            record,
            self._stores.get(record.store_id),
            self._catalog,
            self._numbered + self._page.created + 1,
            occasion,
            replayed=replay_id is not None,
        )
        if decision is not None and decision.story is not None and replay_id is not None:
            facts = {**decision.story.facts, "replay_id": replay_id}
            decision = replace(decision, story=replace(decision.story, facts=facts))
        if decision is not None:
            self._page.decide(decision)
        return decision

    def replay(self, record: OrderRecord, occasion: Occasion, replay_id: str) -> ReplayAnswer:
        """Judge one order for a replay, and give what there is to tell its operator."""
        decision = self.judge(record, occasion, replay_id=replay_id)
        return answer_of(record, self._stores.get(record.store_id), decision)
