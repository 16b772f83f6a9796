"""The stages over memory: what a batch makes of the messages, from upstream to what goes out."""

import json
from itertools import groupby, islice
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from handlers import blocker_check
from handlers.blocker_check import STEP
from handlers.unit_of_work import UnitOfWork
from models.events import Event
from models.messages import CommandMessage, DeadLetterCode, TopicPartition
from models.outcome import Blocked, Created, Waiting
from models.reasons import WaitingReason
from models.reference_data import CommerceStatus
from models.topics import TopicName
from storage.port import Transaction
from streams.app import HANDLERS
from tests.builders import (
    KEY,
    NOW,
    ORDER,
    STATE,
    STORE,
    TRACE,
    Message,
    a_document,
    a_listing,
    a_message,
    a_product,
    a_store,
    later,
)
from tests.fakes.memory import MemoryStorage
from tests.model.histories import history
from tests.model.messages import ReplayAsked, wire
from tests.unit.kit import World

ORDERS, STORES, PRODUCTS = TopicName.ORDERS, TopicName.STORES, TopicName.PRODUCTS
LISTINGS, UPDATES, COMMANDS = TopicName.LISTINGS, TopicName.ORDER_UPDATES, TopicName.COMMANDS


def told(fact: Any) -> Any:
    return a_message(fact.model_dump_json().encode())


async def a_world(*, store: Any = None, product: Any = None) -> World:
    world = World()
    await world.tell(STORES, told(store or a_store()))
    await world.tell(PRODUCTS, told(product or a_product()))
    return world


async def test_an_order_becomes_a_commerce_order() -> None:
    world = await a_world()
    out = await world.tell(ORDERS, a_document())
    assert isinstance(world.order().outcome, Created)
    assert world.commerce_order().order_number == "000000001"
    assert world.reserved() == 1
    assert [type(one) for one in out] == [Event]


async def test_poison_among_good_orders_costs_none_of_them() -> None:
    world = await a_world()
    await world.tell(
        ORDERS,
        a_document(amazon_order_id="1"),
        a_message(b"{nonsense"),
        a_message(None),
        a_message(b"x" * 1_000_001),
        a_message({"no": "order"}),
        a_document(amazon_order_id="2", items=[{"order_item_id": "1", "quantity": -1}]),
        a_document(amazon_order_id="3"),
    )
    assert sorted(world.storage.contents.orders) == [f"{STORE}/1", f"{STORE}/3"]
    assert world.events == ["CommerceOrderCreated"] * 2
    assert [(one.offset, one.code) for one in world.dead_letters] == [
        (1, DeadLetterCode.MALFORMED_JSON),
        (2, DeadLetterCode.MALFORMED_JSON),
        (3, DeadLetterCode.TOO_LARGE),
        (4, DeadLetterCode.UNKNOWN_PAYLOAD),
        (5, DeadLetterCode.INVALID_ORDER),
    ]
    assert world.dead_letters[0].value == b"{nonsense"


@pytest.mark.parametrize("name", ["store-id", "traceparent", "other"])
async def test_a_header_without_a_value_stops_nothing(name: str) -> None:
    """Kafka allows it. It stopped the partition for ever."""
    world = await a_world()
    poison = a_message(b"{nonsense", headers=((name, None),))
    await world.tell(ORDERS, poison, a_message(a_document(), offset=1, headers=((name, None),)))
    assert isinstance(world.order().outcome, Created)
    assert world.dead_letters[0].headers == poison.headers


def a_page(*orders: dict[str, Any]) -> dict[str, Any]:
    return {"payload": {"Orders": list(orders)}}


def v0(number: str, **more: Any) -> dict[str, Any]:
    return {
        "AmazonOrderId": number,
        "OrderStatus": "Unshipped",
        "PurchaseDate": "2026-06-15T09:30:00Z",
        "LastUpdateDate": "2026-06-15T09:30:00Z",
        "FulfillmentChannel": "MFN",
    } | more


async def test_a_page_with_one_bad_order_gives_the_good_ones_and_one_dead_letter() -> None:
    world = await a_world()
    unit_of_work = a_page(v0("1"), v0("2", PurchaseDate="soon"), v0("3"))
    await world.tell(ORDERS, a_message(unit_of_work, headers=(("store-id", STORE.encode()),)))
    assert sorted(world.storage.contents.orders) == [f"{STORE}/1", f"{STORE}/3"]
    assert [one.code for one in world.dead_letters] == [DeadLetterCode.INVALID_ORDER]


async def test_a_page_with_a_bad_order_and_no_store_is_one_dead_letter() -> None:
    world = World()
    await world.tell(ORDERS, a_page(v0("1"), v0("2", PurchaseDate="soon"), v0("3")))
    assert len(world.dead_letters) == 1
    assert len(world.storage.contents.dead_letters) == 1


OTHER = {"store_id": "store-2", "marketplace_id": "MX", "seller_id": "A2"}


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ((("store-id", b"store-9"),), {"store_id": "store-2"}, "store-9"),
        ((("store-id", b"a"), ("store-id", b"store-9")), {}, "store-9"),
        ((), {"store_id": "store-2"}, "store-2"),
        ((), {"marketplace_id": "MX", "seller_id": "A2"}, "store-2"),
        ((), {"marketplace_id": "MX", "seller_id": "A3"}, "store-3"),
        ((), {"marketplace_id": "MX"}, None),
        ((), {"marketplace_id": "MX", "seller_id": "A9"}, None),
        ((), {"marketplace_id": "ATVPDKIKX0DER"}, STORE),
        ((), {"marketplace_id": "ATVPDKIKX0DER", "seller_id": "A9"}, STORE),
        ((), {"marketplace_id": "UNKNOWN"}, None),
        ((), {}, None),
        ((("store-id", b"no/slash"),), {"store_id": "store-2"}, None),
    ],
)
async def test_naming_the_store(headers: Any, body: dict[str, Any], expected: str | None) -> None:
    world = await a_world()
    await world.tell(
        STORES,
        told(a_store(**OTHER)),
        told(a_store(**OTHER | {"store_id": "store-3", "seller_id": "A3"})),
    )
    await world.tell(ORDERS, a_message(a_document(store_id=None) | body, headers=headers))
    if expected is None:
        assert world.storage.contents.orders == {}
        assert [one.code for one in world.dead_letters] == [DeadLetterCode.UNKNOWN_STORE]
    else:
        assert list(world.storage.contents.orders) == [f"{expected}/{ORDER}"]


EXPECTED = (
    "; store-id: expected a header, a store_id in the body, or a seller and marketplace that "
    "belong to exactly one store"
)


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ((("store-id", b"a/b\n"),), {}, "the header a/b\N{REPLACEMENT CHARACTER} is no store's id"),
        ((), {}, "it names neither a store nor a marketplace"),
        ((), {"marketplace_id": "BE"}, "no known store has its marketplace BE"),
        ((), {"marketplace_id": "x" * 99}, f"no known store has its marketplace {'x' * 64}…"),
        ((), {"marketplace_id": "MX"}, "stores store-2, store-3 have its marketplace MX"),
    ],
)
async def test_an_order_of_no_store_is_refused_by_its_id_and_what_names_no_store(
    headers: Any, body: dict[str, Any], why: str
) -> None:
    world = await a_world()
    await world.tell(
        STORES, told(a_store(**OTHER)), told(a_store(**OTHER | {"store_id": "store-3"}))
    )
    await world.tell(ORDERS, a_message(a_document(store_id=None) | body, headers=headers))
    (dead_letter,) = world.dead_letters
    assert dead_letter.message == f"order {ORDER}: {why}{EXPECTED}"


async def test_of_a_page_the_orders_of_no_store_are_named_beside_the_bad_one() -> None:
    world = await a_world()
    unit_of_work = a_page(
        v0("1", MarketplaceId="ATVPDKIKX0DER"),
        v0("2", PurchaseDate="soon"),
        *(v0(number, MarketplaceId="BE") for number in "34567"),
    )
    await world.tell(ORDERS, a_message(unit_of_work))
    assert sorted(world.storage.contents.orders) == [f"{STORE}/1"]
    (dead_letter,) = world.dead_letters
    assert dead_letter.code is DeadLetterCode.INVALID_ORDER
    storeless = "; ".join(f"order {n}: no known store has its marketplace BE" for n in "345")
    assert dead_letter.message == (
        "payload.Orders[1].PurchaseDate: expected an ISO 8601 date-time; "
        f"{storeless}; and 2 more{EXPECTED}"
    )


FRAGMENT = {
    "payload": {
        "AmazonOrderId": ORDER,
        "OrderItems": [{"OrderItemId": "item-1", "SellerSKU": "SKU-1", "QuantityOrdered": 1}],
    }
}


@pytest.mark.parametrize("together", [True, False])
async def test_details_that_name_no_store_find_their_order_by_its_id(together: bool) -> None:
    world = await a_world()
    head = a_document(items=None)
    if together:
        await world.tell(ORDERS, head, FRAGMENT, FRAGMENT)
    else:
        await world.tell(ORDERS, head)
        await world.tell(ORDERS, FRAGMENT)
    assert world.dead_letters == []
    assert isinstance(world.order().outcome, Created)
    assert world.order().received == (3 if together else 2)


@pytest.mark.parametrize("together", [True, False])
async def test_details_that_come_before_their_order_are_taken_up_when_it_comes(
    together: bool,
) -> None:
    world = await a_world()
    head = a_document(items=None)
    if together:
        await world.tell(ORDERS, FRAGMENT, head)
    else:
        await world.tell(ORDERS, FRAGMENT)
        assert [one.code for one in world.dead_letters] == [DeadLetterCode.UNKNOWN_STORE]
        await world.tell(ORDERS, head)
    assert isinstance(world.order().outcome, Created)
    assert world.order().received == 2
    # Taken up once.
    await world.tell(ORDERS, head)
    assert world.order().received == 3


async def test_a_store_told_after_its_orders_brings_them_in() -> None:
    world = World()
    await world.tell(PRODUCTS, told(a_product()))
    await world.tell(ORDERS, a_document())
    assert world.order().outcome == Waiting(WaitingReason.STORE_UNKNOWN)
    assert world.out == []
    out = await world.tell(STORES, told(a_store()))
    assert isinstance(world.order().outcome, Created)
    assert [one.key for one in out if isinstance(one, CommandMessage)] == [f"store:{STORE}"]


async def test_a_product_told_after_the_order_brings_it_in() -> None:
    world = World()
    await world.tell(STORES, told(a_store()))
    await world.tell(ORDERS, a_document())
    assert isinstance(world.order().outcome, Blocked)
    await world.tell(PRODUCTS, told(a_product(sku="OTHER")))
    assert isinstance(world.order().outcome, Blocked)
    out = await world.tell(PRODUCTS, told(a_product()))
    assert [one.key for one in out if isinstance(one, CommandMessage)] == ["product:SKU-1"]
    assert isinstance(world.order().outcome, Created)
    assert world.events == ["OrderImportBlocked", "CommerceOrderCreated", "OrderImportReleased"]


async def test_a_listing_told_after_the_order_brings_it_in() -> None:
    world = await a_world()
    item = {"order_item_id": "1", "seller_sku": "SELLER", "quantity": 2}
    await world.tell(ORDERS, a_document(items=[item]))
    assert isinstance(world.order().outcome, Blocked)
    await world.tell(LISTINGS, told(a_listing()))
    assert isinstance(world.order().outcome, Created)
    assert world.reserved() == 2


async def test_an_older_fact_changes_nothing() -> None:
    world = await a_world(store=a_store(updated_at=later(0)), product=a_product(as_of=later(0)))
    await world.tell(STORES, told(a_store(name="Old", updated_at=later(-1))))
    await world.tell(PRODUCTS, told(a_product(enabled=False, as_of=later(-1))))
    assert world.storage.contents.stores[STORE].name == "Lamps"
    assert world.storage.contents.products["SKU-1"].enabled


async def test_a_fact_that_cannot_be_read_is_a_dead_letter() -> None:
    world = World()
    await world.tell(PRODUCTS, a_message(b"{"), a_message(None), a_message({"sku": "A"}))
    assert [one.code for one in world.dead_letters] == [
        DeadLetterCode.MALFORMED_JSON,
        DeadLetterCode.UNKNOWN_PAYLOAD,
        DeadLetterCode.INVALID_MESSAGE,
    ]
    await world.tell(UPDATES, {"commerce_order_id": "nobody", "status": "shipped", "at": later(0)})
    await world.tell(UPDATES, {"commerce_order_id": "nobody", "status": "lost", "at": later(0)})
    assert [one.code for one in world.dead_letters[3:]] == [DeadLetterCode.INVALID_MESSAGE] * 2


async def test_a_byte_order_mark_and_half_a_letter_cost_no_message_on_any_topic() -> None:
    world = World()

    def odd(value: Any) -> Message:
        text = value.model_dump_json() if isinstance(value, BaseModel) else json.dumps(value)
        return a_message(b"\xef\xbb\xbf" + text.replace("Lamp", r"Lamp \ud83c").encode())

    await world.tell(STORES, odd(a_store(name="Lamps")))
    await world.tell(PRODUCTS, odd(a_product(name="Lamp", sku="SKU-9")))
    await world.tell(LISTINGS, odd(a_listing(seller_sku="SKU-1", sku="SKU-9")))
    await world.tell(ORDERS, odd(a_document()))
    assert isinstance(world.order().outcome, Created)
    order_id = world.commerce_order().commerce_order_id
    at = later(0).isoformat()
    await world.tell(UPDATES, odd({"commerce_order_id": order_id, "status": "shipped", "at": at}))
    await world.tell(COMMANDS, odd({"command": "sync", "requested_at": at}))
    assert world.dead_letters == []
    assert world.commerce_order().status is CommerceStatus.COMPLETE
    assert world.storage.contents.stores[STORE].name == "Lamp \N{REPLACEMENT CHARACTER}s"


async def test_a_deleted_product_blocks_and_comes_back() -> None:
    world = await a_world()
    await world.tell(PRODUCTS, a_message(None, key=b"SKU-1"))
    await world.tell(ORDERS, a_document())
    assert isinstance(world.order().outcome, Blocked)
    await world.tell(PRODUCTS, told(a_product(as_of=later(1))))
    assert isinstance(world.order().outcome, Created)


async def test_a_count_told_and_deleted_in_one_batch_is_known_as_if_in_two() -> None:
    """It was forgotten: an older count that came after it brought the product back."""
    world = await a_world(product=a_product(as_of=later(1)))
    await world.tell(PRODUCTS, told(a_product(as_of=later(3))), a_message(None, key=b"SKU-1"))
    await world.tell(PRODUCTS, told(a_product(as_of=later(2))))
    contents = world.storage.contents
    assert contents.products["SKU-1"].as_of == later(3)
    assert "SKU-1" in contents.deleted


async def test_the_last_piece_goes_to_one_order_of_a_batch() -> None:
    world = await a_world(product=a_product(salable_quantity=1))
    await world.tell(ORDERS, *[a_document(amazon_order_id=str(n)) for n in range(3)])
    outcomes = [type(world.order(f"{STORE}/{n}").outcome) for n in range(3)]
    assert outcomes == [Created, Blocked, Blocked]
    assert world.reserved() == 1


async def test_what_a_cancellation_frees_goes_to_who_waits_oldest_purchase_first() -> None:
    world = await a_world(product=a_product(salable_quantity=1))
    await world.tell(ORDERS, a_document())
    await world.tell(ORDERS, a_document(amazon_order_id="young", purchase_date="2026-06-20T00:00Z"))
    await world.tell(ORDERS, a_document(amazon_order_id="old", purchase_date="2026-06-10T00:00Z"))
    await world.tell(ORDERS, a_document(status="Canceled", last_update_date="2026-07-02T00:00Z"))
    assert world.commerce_order().status == "canceled"
    assert isinstance(world.order(f"{STORE}/old").outcome, Created)
    assert isinstance(world.order(f"{STORE}/young").outcome, Blocked)
    assert world.reserved() == 1


async def test_a_job_of_many_orders_goes_in_steps() -> None:
    world = World()
    await world.tell(STORES, told(a_store()))
    many = [a_document(amazon_order_id=f"{number:05}") for number in range(1200)]
    await world.tell(ORDERS, *many)
    assert not any(isinstance(one, CommandMessage) for one in world.out)
    await world.tell(PRODUCTS, told(a_product(salable_quantity=1100)))
    assert world.transactions(COMMANDS) == -(-1200 // STEP)
    outcomes = [type(record.outcome) for record in world.storage.contents.orders.values()]
    assert outcomes == [Created] * 1100 + [Blocked] * 100
    numbers = [one.order_number for one in world.storage.contents.commerce_orders.values()]
    assert len(set(numbers)) == 1100
    assert world.reserved() == 1100


async def test_commands_of_one_batch_are_all_carried_out_and_nonsense_is_a_dead_letter() -> None:
    world = World()
    await world.tell(STORES, told(a_store()))
    await world.tell(ORDERS, a_document(), a_document(amazon_order_id="2"))
    there = (await a_world()).storage.contents
    world.storage.contents.products.update(there.products)
    world.storage.contents.stock_items.update(there.stock_items)
    await world.tell(
        COMMANDS,
        a_message(b"nonsense"),
        {"command": "replay", "replay_id": "of nobody", "step": 0},
    )
    await world.replay(KEY, "store-1/unknown")
    await world.tell(COMMANDS, {"command": "recheck", "fact": "product:SKU-1"})
    assert [one.code for one in world.dead_letters] == [DeadLetterCode.UNKNOWN_PAYLOAD] * 2
    assert world.commerce_order().replayed
    assert not world.commerce_order(f"{STORE}/2").replayed
    assert world.storage.contents.checkpoints[TopicPartition(COMMANDS, 0)].committed_offset == 4


@pytest.mark.parametrize(
    "command",
    [
        {"command": "replay", "replay_id": "made-up", "step": 0},
        {"command": "replay", "replay_id": "made-up", "key": KEY},
        {"command": "replay", "replay_id": "r" * 301, "step": 0},
        {"command": "recheck", "fact": "f" * 301},
        {"command": "sync", "store_id": "s" * 301, "requested_at": "2026-07-01T12:00:00Z"},
    ],
    ids=["an unknown id", "an order", "an id too long", "a fact too long", "a store too long"],
)
async def test_rule_14_a_command_that_no_operator_asked_for_is_a_dead_letter(
    command: dict[str, Any],
) -> None:
    world = await a_world(store=a_store(import_amazon_orders=False))
    await world.tell(ORDERS, a_document())
    before = world.order()
    await world.tell(COMMANDS, command)
    assert [one.code for one in world.dead_letters] == [DeadLetterCode.UNKNOWN_PAYLOAD]
    assert world.order() == before


async def test_a_sync_from_outside_that_lies_about_its_time_hides_no_other() -> None:
    world = await a_world()
    await world.tell(COMMANDS, {"command": "sync", "requested_at": "9999-12-31T00:00:00Z"})
    synced = world.storage.contents.kept_replays.synced.values()
    assert list(synced) == [NOW + blocker_check.MAX_AHEAD]


@pytest.mark.parametrize(
    "command",
    [
        {"command": "sync", "requested_at": "2026-07-01T12:00:00Z"},
        {"command": "sync", "store_id": "nowhere", "requested_at": "9999-12-31T00:00:00Z"},
        {"command": "recheck", "fact": "product:SKU-1"},
        {"command": "recheck", "fact": "store:store-1"},
        {"command": "recheck", "fact": "anything"},
    ],
)
async def test_a_sync_or_a_recheck_from_outside_changes_nothing_that_is_so(
    command: dict[str, Any],
) -> None:
    world = await a_world(product=a_product(salable_quantity=1))
    await world.tell(ORDERS, a_document(), a_document(amazon_order_id="2"))
    await world.tell(STORES, told(a_store(import_amazon_orders=False, updated_at=later(1))))
    await world.tell(ORDERS, a_document(amazon_order_id="3"))
    contents = world.storage.contents
    before = dict(contents.orders), dict(contents.commerce_orders)
    out = len(world.events)
    await world.tell(COMMANDS, *[command] * 3)
    after = world.storage.contents
    assert {key: one.outcome.__class__ for key, one in after.orders.items()} == {
        key: one.outcome.__class__ for key, one in before[0].items()
    }
    assert after.commerce_orders == before[1]
    assert len(world.events) == out
    assert not world.dead_letters


@pytest.mark.parametrize("topic", [PRODUCTS, LISTINGS])
async def test_a_key_that_names_no_fact_for_its_length_deletes_nothing(topic: TopicName) -> None:
    world = await a_world()
    await world.tell(topic, a_message(None, key=b"k" * 1_000_000))
    assert [one.code for one in world.dead_letters] == [DeadLetterCode.INVALID_MESSAGE]


async def test_the_trace_of_a_message_goes_all_the_way() -> None:
    world = await a_world()
    skipped = a_document(amazon_order_id="2", purchase_date="2020-01-01T00:00Z")
    trace = (("traceparent", TRACE.encode()), ("tracestate", STATE.encode()))
    (event,) = await world.tell(ORDERS, a_message(skipped, headers=trace))
    assert isinstance(event, Event)
    assert (event.cause.traceparent, event.cause.tracestate) == (TRACE, STATE)


@pytest.mark.parametrize("seed", range(20))
async def test_it_does_not_matter_which_messages_are_decided_together(seed: int) -> None:
    told = [one for one in history(Random(seed), (20, 40)) if not isinstance(one, ReplayAsked)]
    # Without what follows from a batch: other orders could take in between what it frees.
    worlds = World(attentive=False), World(attentive=False)
    for topic, some in groupby(map(wire, told), lambda one: one[0]):
        messages = [
            a_message(value, key=key.encode(), headers=(("store-id", store.encode()),))
            if store
            else a_message(value, key=key.encode())
            for _, key, value, store in some
        ]
        await worlds[0].tell(topic, *messages)
        for message in messages:
            await worlds[1].tell(topic, message)
    one, other = (vars(world.storage.contents) for world in worlds)
    for name in ("orders", "histories", "commerce_orders", "events", "products", "dead_letters"):
        assert one[name] == other[name], name


async def test_an_order_sent_twice_in_one_batch_is_admitted_and_created_once() -> None:
    world = await a_world()
    out = await world.tell(ORDERS, a_document(), a_document())
    assert [type(one) for one in out] == [Event]
    assert world.order().received == 2


@pytest.mark.parametrize("batches", [[1, 1, 1], [1, 2], [2, 1], [3]])
async def test_rule_12_an_order_that_waits_for_what_is_freed_is_created_whatever_is_one_batch(
    batches: list[int],
) -> None:
    world = await a_world(product=a_product(salable_quantity=1))
    waits = a_document(amazon_order_id="2")
    canceled = a_document(status="Canceled", last_update_date="2026-07-02T00:00Z")
    told = iter([a_document(), waits, canceled])
    for count in batches:
        await world.tell(ORDERS, *islice(told, count))
    assert isinstance(world.order(f"{STORE}/2").outcome, Created)
    assert world.reserved() == 1


async def test_a_batch_that_meets_a_conflict_is_decided_once() -> None:
    world = await a_world()
    world.simulated.database.conflicts_ahead = 2
    out = await world.tell(ORDERS, a_document())
    canceled = a_document(status="Canceled", last_update_date="2026-07-02T00:00Z")
    world.simulated.database.conflicts_ahead = 2
    out += await world.tell(ORDERS, canceled)
    assert [one.event_type for one in out if isinstance(one, Event)] == [
        "CommerceOrderCreated",
        "CommerceOrderStatusChanged",
    ]
    assert world.reserved() == 0
    assert world.order().received == 2


async def test_a_dead_letter_of_an_offset_that_comes_again_takes_its_place() -> None:
    world = await a_world()
    nonsense, source = a_message(b"nonsense"), TopicPartition(COMMANDS, 0)
    for _ in range(2):  # as after a topic was made anew
        world.simulated.log.partitions[source].clear()
        world.storage.contents.checkpoints.pop(source, None)
        await world.tell(COMMANDS, nonsense)
    assert len(world.storage.contents.dead_letters) == 1


async def test_a_blocked_order_is_checked_again_only_when_its_lines_are_news() -> None:
    world = await a_world(product=a_product(salable_quantity=0))
    await world.tell(ORDERS, a_document())
    same = a_document(last_update_date=later(1), ship_to={"city": "Paris"})
    assert await world.tell(ORDERS, same) == []
    other = {"order_item_id": "item-1", "seller_sku": "OTHER", "quantity": 1}
    out = await world.tell(ORDERS, a_document(last_update_date=later(2), items=[other]))
    assert [type(one) for one in out] == [Event]
    assert world.events == ["OrderImportBlocked"] * 2


async def test_messages_of_two_partitions_at_the_same_offset_are_refused_each() -> None:
    """They are decided together: an offset alone does not name a message."""
    handler, unit_of_work = HANDLERS[ORDERS], UnitOfWork(ORDERS, NOW)
    unknown = a_document(store_id=None)
    messages = [
        a_message(b"{", offset=7),
        a_message(unknown, offset=7, partition=1),
        a_message(unknown, offset=7, partition=2),
    ]

    async def work(transaction: Transaction) -> None:
        await handler.handle(handler.parse(messages), unit_of_work, transaction)

    await MemoryStorage().transact(work)
    dead_letters = unit_of_work.take_changes().dead_letters
    assert sorted((one.partition, one.offset, one.code) for one in dead_letters) == [
        (0, 7, DeadLetterCode.MALFORMED_JSON),
        (1, 7, DeadLetterCode.UNKNOWN_STORE),
        (2, 7, DeadLetterCode.UNKNOWN_STORE),
    ]
