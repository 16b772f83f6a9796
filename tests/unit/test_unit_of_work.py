"""The unit of work: what is written ahead is written once, and the buyer if it has changed."""

from dataclasses import replace
from typing import Any

import pytest

from handlers import unit_of_work
from handlers.unit_of_work import UnitOfWork
from models.amazon_order import Address, Buyer, Gift
from models.buyer_data import Retained, RetentionReason
from models.change_set import BuyerWrite
from models.decision import Decision
from models.topics import TopicName
from tests.builders import KEY, NOW, a_document, a_product, a_record, a_store, an_order
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


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ({"buyer": Buyer(name="Kim")}, BuyerWrite.CONTENT),
        ({"ship_to": Address(city="Kiel")}, BuyerWrite.CONTENT),
        ({"gifts": (Gift(order_item_id="1", message="Enjoy!"),)}, BuyerWrite.CONTENT),
        ({"shipping_service": "Express"}, BuyerWrite.NOTHING),
    ],
)
def test_rule_27_what_is_personal_is_written_if_a_part_of_it_has_changed(
    change: dict[str, Any], written: BuyerWrite
) -> None:
    kept = Retained(NOW, RetentionReason.OPEN)
    record = a_record(order=an_order(buyer=Buyer(name="Dana")), buyer_data=kept)
    decisions = UnitOfWork(TopicName.ORDERS, NOW)
    decisions.track([record])
    changed = replace(record, order=record.order.model_copy(update=change))
    decisions.add(Decision(changed, None))
    assert [each.buyer for each in decisions.take_changes().orders] == [written]
