"""Rule 22: one Commerce order for one Amazon order, whatever store a message names."""

from typing import Any

import pytest

from models.amazon_order import AmazonStatus
from models.dead_letters import DeadLetter
from models.messages import DeadLetterCode
from models.outcome import Created, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from models.topics import TopicName
from tests.builders import (
    KEY,
    ORDER,
    STORE,
    Message,
    a_document,
    a_message,
    a_product,
    a_store,
    later,
)
from tests.unit.kit import World

ORDERS, STORES, PRODUCTS = TopicName.ORDERS, TopicName.STORES, TopicName.PRODUCTS
COMMANDS = TopicName.COMMANDS
US, MX = "ATVPDKIKX0DER", "A1AM78C64UM0Y8"
TYPO = f"stroe-1/{ORDER}"
WAITS = Waiting(WaitingReason.STORE_UNKNOWN)
FRAGMENT = {
    "payload": {
        "AmazonOrderId": ORDER,
        "OrderItems": [{"OrderItemId": "item-1", "SellerSKU": "SKU-1", "QuantityOrdered": 1}],
    }
}


def told(fact: Any) -> Any:
    return a_message(fact.model_dump_json().encode())


def sent(header: str | None, hours: float = 0, **fields: Any) -> Message:
    """A document that names its store by header alone, or by nothing but its marketplace."""
    body = a_document(store_id=None, last_update_date=later(hours), **fields)
    headers = () if header is None else (("store-id", header.encode()),)
    return a_message(body, headers=headers)


async def a_world() -> World:
    """Two stores of two marketplaces, and a product."""
    world = World()
    await world.tell(STORES, told(a_store()), told(a_store(store_id="store-2", marketplace_id=MX)))
    await world.tell(PRODUCTS, told(a_product()))
    return world


def dead_letters(world: World) -> list[tuple[DeadLetterCode, str]]:
    return [(one.code, one.message) for one in world.dead_letters]


def mismatch(holder: str, sent_for: str, order: str = ORDER) -> str:
    return f"order {order}: store {holder} has it, and it was sent for store {sent_for}"


def whats(world: World, key: str = KEY) -> list[str]:
    return [one.what for one in world.storage.contents.histories[key]]


# ---------------------------------------------------------------- a store that is named


async def test_rule_22_a_header_may_name_another_marketplaces_store_and_the_history_says_so() -> (
    None
):
    world = await a_world()
    await world.tell(ORDERS, sent(STORE, marketplace_id=MX))
    assert isinstance(world.order().outcome, Created)
    for entry in world.storage.contents.histories[KEY]:
        assert entry.facts["marketplace_id"] == MX
        assert entry.facts["store_marketplace_id"] == US


@pytest.mark.parametrize("marketplace_id", [US, None])
async def test_rule_22_the_history_says_nothing_where_they_do_not_differ(
    marketplace_id: str | None,
) -> None:
    world = await a_world()
    await world.tell(ORDERS, sent(STORE, marketplace_id=marketplace_id))
    facts = [entry.facts for entry in world.storage.contents.histories[KEY]]
    assert not any("store_marketplace_id" in one for one in facts)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("first", [STORE, None])
@pytest.mark.parametrize("other", ["store-2", "store-9"])
async def test_rule_22_an_order_that_a_known_store_has_is_refused_for_another(
    first: str | None, other: str, together: bool
) -> None:
    world = await a_world()
    messages = [sent(first, marketplace_id=US), sent(other, 1, status="Canceled")]
    for batch in [messages] if together else [[one] for one in messages]:
        await world.tell(ORDERS, *batch)
    assert list(world.storage.contents.orders) == [KEY]
    assert isinstance(world.order().outcome, Created)
    assert world.order().order.status is AmazonStatus.UNSHIPPED
    assert world.events == ["CommerceOrderCreated"]
    assert dead_letters(world) == [(DeadLetterCode.STORE_MISMATCH, mismatch(STORE, other))]


async def test_rule_22_a_store_id_in_the_body_names_its_store_as_a_header_does() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(), a_document(store_id="store-2"))
    assert dead_letters(world) == [(DeadLetterCode.STORE_MISMATCH, mismatch(STORE, "store-2"))]


@pytest.mark.parametrize("outcome", ["waiting", "skipped", "blocked", "created"])
async def test_rule_22_whatever_became_of_the_order_its_store_keeps_it(outcome: str) -> None:
    world = await a_world()
    first: dict[str, dict[str, Any]] = {
        "waiting": {"status": "Pending"},
        "skipped": {"status": "Canceled"},
        "blocked": {"items": [{"order_item_id": "1", "seller_sku": "NONE", "quantity": 1}]},
        "created": {},
    }
    await world.tell(ORDERS, a_document(**first[outcome]))
    was = world.order()
    await world.tell(ORDERS, a_document(store_id="store-2"))
    assert world.storage.contents.orders == {KEY: was}
    assert [code for code, _ in dead_letters(world)] == [DeadLetterCode.STORE_MISMATCH]


async def test_rule_22_news_that_names_no_store_is_of_the_store_that_has_the_order() -> None:
    """A poller names the store, the notifications of the same order cannot."""
    world = await a_world()
    await world.tell(ORDERS, sent(STORE, marketplace_id=MX))
    await world.tell(ORDERS, sent(None, 1, marketplace_id=MX, status="Canceled"))
    assert dead_letters(world) == []
    assert world.order().order.status is AmazonStatus.CANCELED
    assert world.events == ["CommerceOrderCreated", "CommerceOrderStatusChanged"]


async def test_rule_22_of_a_page_the_orders_of_others_are_named_and_the_rest_is_taken() -> None:
    world = await a_world()
    for number in "345":
        await world.tell(ORDERS, a_document(amazon_order_id=number))
    page = {
        "payload": {
            "Orders": [
                {"AmazonOrderId": number, "OrderStatus": "Pending", "MarketplaceId": MX}
                for number in "12345"
            ]
        }
    }
    await world.tell(ORDERS, a_message(page, headers=(("store-id", b"store-2"),)))
    there = {f"{STORE}/{number}" for number in "345"} | {"store-2/1", "store-2/2"}
    assert world.storage.contents.orders.keys() == there
    said = "; ".join(mismatch(STORE, "store-2", number) for number in "345")
    assert dead_letters(world) == [(DeadLetterCode.STORE_MISMATCH, said)]


async def test_rule_22_a_message_is_one_dead_letter_that_says_all_that_is_wrong() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(amazon_order_id="1"))
    page = {
        "payload": {
            "Orders": [
                {"AmazonOrderId": "1", "OrderStatus": "Pending", "store_id": "store-2"},
                {"AmazonOrderId": "2", "OrderStatus": "Pending"},
            ]
        }
    }
    await world.tell(ORDERS, page)
    [(code, message)] = dead_letters(world)
    assert code is DeadLetterCode.UNKNOWN_STORE
    assert message.startswith("order 2: it names neither a store nor a marketplace; store-id: ")
    assert message.endswith(f"; {mismatch(STORE, 'store-2', '1')}")


# ---------------------------------------------------------------- a store that is not known


@pytest.mark.parametrize("named", ["header", "body", "marketplace"])
@pytest.mark.parametrize("together", [True, False])
async def test_rule_22_an_order_of_a_mistyped_store_moves_to_the_store_that_is_named_now(
    named: str, together: bool
) -> None:
    world = await a_world()
    rest = {
        "header": sent(STORE, 1, items=None),
        "body": a_message(a_document(items=None, last_update_date=later(1))),
        "marketplace": sent(None, 1, items=None, marketplace_id=US),
    }
    messages = [sent("stroe-1"), rest[named]]
    if together:
        await world.tell(ORDERS, *messages)
    else:
        await world.tell(ORDERS, messages[0])
        assert world.order(TYPO).outcome == WAITS
        await world.tell(ORDERS, messages[1])
    assert list(world.storage.contents.orders) == list(world.storage.contents.histories) == [KEY]
    assert isinstance(world.order().outcome, Created)
    assert world.order().order.store_id == STORE
    assert world.order().received == 2
    assert whats(world) == ["received", "moved-to-store", "created"]
    assert world.storage.contents.histories[KEY][1].facts["from_store"] == "stroe-1"
    assert world.events == ["CommerceOrderCreated"]
    assert world.dead_letters == []
    assert all(event.key == KEY for event in world.storage.contents.events.values())
    assert [event.sequence for event in world.storage.contents.events.values()] == [1]


async def test_rule_22_a_moved_order_is_asked_by_the_settings_of_its_store_though_news_is_old() -> (
    None
):
    world = await a_world()
    await world.tell(ORDERS, sent("stroe-1", 2))
    await world.tell(ORDERS, sent(STORE, 1))
    assert isinstance(world.order().outcome, Created)


async def test_rule_22_an_order_moves_from_one_unknown_store_to_the_next_and_waits_there() -> None:
    world = World()
    await world.tell(PRODUCTS, told(a_product()))
    await world.tell(ORDERS, sent("a"))
    await world.tell(ORDERS, sent("b"), sent("c"))
    assert list(world.storage.contents.orders) == [f"c/{ORDER}"]
    assert world.order(f"c/{ORDER}").depends_on == ("store:c",)
    await world.tell(STORES, told(a_store(store_id="a")), told(a_store(store_id="b")))
    assert world.order(f"c/{ORDER}").outcome == WAITS
    await world.tell(STORES, told(a_store(store_id="c")))
    assert isinstance(world.order(f"c/{ORDER}").outcome, Created)
    assert whats(world, f"c/{ORDER}") == [
        *("received", "moved-to-store", "ignored-unchanged"),
        *("moved-to-store", "ignored-unchanged", "created"),
    ]


async def test_rule_22_an_order_may_move_away_and_back_in_one_batch() -> None:
    world = World()
    await world.tell(ORDERS, sent("a"))
    await world.tell(ORDERS, sent("b"), sent("a"))
    assert list(world.storage.contents.orders) == [f"a/{ORDER}"]
    assert world.order(f"a/{ORDER}").received == 3
    assert whats(world, f"a/{ORDER}") == [
        *("received", "moved-to-store", "ignored-unchanged"),
        *("moved-to-store", "ignored-unchanged"),
    ]


async def test_rule_22_once_its_store_is_known_an_order_does_not_move_any_more() -> None:
    world = World(attentive=False)
    await world.tell(ORDERS, sent("store-2"))
    await world.tell(STORES, told(a_store()), told(a_store(store_id="store-2")))
    await world.tell(ORDERS, sent(STORE))
    assert dead_letters(world) == [(DeadLetterCode.STORE_MISMATCH, mismatch("store-2", STORE))]
    await world.read_own()
    assert list(world.storage.contents.orders) == [f"store-2/{ORDER}"]


async def test_rule_22_what_was_asked_of_the_old_key_meets_nothing() -> None:
    """A recheck or a replay may be on its way while the order moves."""
    world = await a_world()
    await world.tell(ORDERS, sent("stroe-1", status="Pending"))
    await world.tell(ORDERS, sent(STORE, 1, status="Pending"))
    before = world.order()
    await world.tell(COMMANDS, {"command": "replay", "replay_id": "r", "key": TYPO})
    await world.tell(STORES, told(a_store(store_id="stroe-1")))
    assert world.storage.contents.orders == {KEY: before}


@pytest.mark.parametrize("together", [True, False])
async def test_rule_22_an_order_that_came_in_parts_moves_with_all_of_them(together: bool) -> None:
    world = await a_world()
    parts = [sent("stroe-1", items=None), a_message(FRAGMENT), sent(STORE, 1, items=None)]
    for batch in [parts] if together else [[one] for one in parts]:
        await world.tell(ORDERS, *batch)
    assert list(world.storage.contents.orders) == [KEY]
    assert isinstance(world.order().outcome, Created)
    assert world.order().received == 3
    assert world.dead_letters == []


@pytest.mark.parametrize("together", [True, False])
async def test_rule_22_details_that_waited_for_the_order_move_with_it(together: bool) -> None:
    world = await a_world()
    await world.tell(ORDERS, FRAGMENT)
    [dead_letter] = world.dead_letters
    parts = [sent("stroe-1", items=None), sent(STORE, 1, items=None)]
    for batch in [parts] if together else [[one] for one in parts]:
        await world.tell(ORDERS, *batch)
    assert isinstance(world.order().outcome, Created)
    assert world.order().received == 3
    kept = world.storage.contents.dead_letters[dead_letter.dead_letter_id]
    assert kept.details_of is None
    # Sent again, it is of the order wherever that is by now.
    await world.tell(ORDERS, FRAGMENT)
    assert world.order().received == 4
    assert len(world.dead_letters) == 1


async def test_rule_22_details_before_the_order_in_one_batch_go_where_the_order_ends() -> None:
    world = await a_world()
    await world.tell(
        ORDERS, FRAGMENT, sent("stroe-1", items=None), sent(STORE, 1, items=None), FRAGMENT
    )
    assert list(world.storage.contents.orders) == [KEY]
    assert isinstance(world.order().outcome, Created)
    assert world.order().received == 4
    assert world.dead_letters == []


@pytest.mark.parametrize(
    ("status", "outcome", "events"),
    [
        ("Canceled", Withdrawn(SkipReason.CANCELED), []),
        ("Shipped", None, ["CommerceOrderCreated", "CommerceOrderStatusChanged"]),
    ],
)
async def test_rule_22_the_news_that_moves_an_order_counts_at_once(
    status: str, outcome: Any, events: list[str]
) -> None:
    world = await a_world()
    await world.tell(ORDERS, sent("stroe-1"))
    await world.tell(ORDERS, sent(STORE, 1, status=status))
    assert outcome in (None, world.order().outcome)
    assert world.events == events


async def test_rule_22_a_moved_order_is_told_what_its_store_makes_of_it() -> None:
    world = await a_world()
    off = a_store(import_amazon_orders=False, updated_at=later(0))
    await world.tell(STORES, told(off))
    await world.tell(ORDERS, sent("stroe-1"))
    await world.tell(ORDERS, sent(STORE, 1))
    assert world.order().outcome == Skipped(SkipReason.IMPORT_DISABLED)
    assert world.events == ["OrderImportSkipped"]


async def test_rule_22_a_refused_order_is_taken_once_the_stores_are_put_right() -> None:
    """Two stores claimed one marketplace, so that a page without a header named none."""
    world = await a_world()
    wrong = a_store(store_id="store-2", updated_at=later(0))
    await world.tell(STORES, told(wrong))
    await world.tell(ORDERS, sent(None, marketplace_id=US))
    [dead_letter] = world.dead_letters
    assert isinstance(dead_letter, DeadLetter)
    assert dead_letter.code is DeadLetterCode.UNKNOWN_STORE
    right = a_store(store_id="store-2", marketplace_id=MX, updated_at=later(1))
    await world.tell(STORES, told(right))
    again = a_message(dead_letter.value, headers=(("redrive-count", b"1"),))
    await world.tell(ORDERS, again)
    assert isinstance(world.order().outcome, Created)
    await world.tell(ORDERS, again)
    assert world.events == ["CommerceOrderCreated"]


async def test_rule_22_a_refused_order_sent_again_unchanged_is_refused_again() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document())
    for _ in range(2):
        await world.tell(ORDERS, a_document(store_id="store-2"))
    assert [code for code, _ in dead_letters(world)] == [DeadLetterCode.STORE_MISMATCH] * 2
    assert world.events == ["CommerceOrderCreated"]
