"""A search through a list that nothing narrows down: how many questions it takes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from models.order_query import OrderQuery, OrderSort
from storage.documents.values import Document
from storage.mongo.order_queries import IndexRange
from storage.mongo.search import search

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)
PER_QUESTION, PER_ORDER = 0.003, 0.0001


class Shelf:
    """An order every five minutes, none of the buyer; a question has a price, and each order."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.questions = 0
        self.looked_at = 0

    async def read(self, part: IndexRange, conditions: Document, limit: int) -> Sequence[Document]:
        assert conditions["import.state"]
        bounds = part.condition["purchase_date"]
        low, high = bounds["$gte"], bounds.get("$lt", NOON)
        count = min(max(high - low, timedelta(0)) // EVERY, limit)
        self.questions += 1
        self.looked_at += count
        self.seconds += PER_QUESTION + PER_ORDER * count
        order = {"import": {"state": "CREATED", "reasons": []}, "buyer": {"name": "Kim"}}
        return [
            {"_id": str(one), "purchase_date": high - one * EVERY, **order} for one in range(count)
        ]


async def look(shelf: Shelf, seconds: float) -> datetime:
    looked = await search(
        shelf.read,
        OrderQuery(buyer="Nemo", sort=OrderSort.PURCHASED),
        None,
        at=NOON,
        oldest=None,
        forward=True,
        limit=50,
        seconds=seconds,
        at_least=200,
        clock=lambda: shelf.seconds,
    )
    assert list(looked.documents) == []
    assert looked.reached is not None
    assert isinstance(looked.reached.at, datetime)
    return looked.reached.at


async def test_a_search_takes_its_time_and_not_much_more() -> None:
    shelf = Shelf()
    reached = await look(shelf, seconds=0.1)
    assert 0.05 < shelf.seconds < 0.15
    assert shelf.looked_at > 500
    assert NOON - reached >= shelf.looked_at * EVERY


async def test_whose_time_is_over_is_done_in_a_few_questions() -> None:
    shelf = Shelf()
    await look(shelf, seconds=0.0)
    assert shelf.looked_at >= 200
    assert shelf.questions <= 4
