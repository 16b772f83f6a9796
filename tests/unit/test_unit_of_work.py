"""The unit of work: what is written ahead is written once."""

from handlers import unit_of_work
from models.topics import TopicName
from tests.builders import KEY, a_document, a_product, a_store
from tests.unit.kit import World

OTHERS = [f"902-1111111-000000{n}" for n in range(2, 2 + 2 * unit_of_work.UNWRITTEN)]


async def test_an_order_that_comes_again_after_it_was_written_ahead_is_added_to() -> None:
    world = World()
    for topic, fact in (
        (TopicName.STORES, a_store()),
        (TopicName.PRODUCTS, a_product(salable_quantity=100)),
    ):
        await world.tell(topic, fact.model_dump(mode="json"))
    first = a_document()
    more = [item | {"quantity": 2} for item in first["items"]]
    again = first | {"last_update_date": "2026-07-01T13:00:00Z", "items": more}
    others = [a_document(amazon_order_id=one) for one in OTHERS]
    before = world.reserved()

    await world.tell(TopicName.ORDERS, first, *others, again)

    assert world.transactions(TopicName.ORDERS) == 1, "a part was refused and decided again"
    assert world.order().received == 2
    history = world.storage.contents.histories[KEY]
    assert [entry.what for entry in history] == ["created", "amended-up"]
    assert world.reserved() - before == 2 + len(others)
