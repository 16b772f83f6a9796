"""What the storage promises, asked of every implementation alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from models import keys
from models.amazon_order import (
    Address,
    AmazonStatus,
    Buyer,
    CancelRequest,
    Clocks,
    Completeness,
    FulfillmentChannel,
    Gift,
    LineClock,
    Package,
)
from models.base import to_utc
from models.buyer_data import Retained, RetentionReason
from models.change_set import ChangeSet, OrderWrite
from models.charges import Charge, ChargeKind, TaxCollection
from models.checkpoint import Checkpoint, OffsetReset, Outgoing
from models.commands import ALL_STORES, OrderCursor, Recheck, ReplayStep, Sync
from models.commerce_order import CommerceLine, CommerceOrder, PendingReservation, Reservation
from models.errors import DuplicateKey, Fenced, StorageBroken, TransactionTooLarge
from models.keys import DEFAULT_STOCK
from models.messages import CommandMessage, TopicPartition
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import Created, MissingDetail, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import BlockerCode, SkipReason, WaitingReason
from models.reference_data import (
    Catalog,
    CommerceStatus,
    Component,
    CountsOrdersFrom,
    OrderNumberSource,
    StockedProduct,
)
from models.replay import ReplayAnswer, ReplayPart, ReplayResult, ReplayState
from storage.documents.order_record import history_entry_from_document
from storage.mongo.bulk_write import HISTORY_LENGTH
from storage.mongo.driver import Driver
from storage.mongo.indexes import INDEXES
from storage.mongo.storage import LAYOUT, MongoStorage
from storage.port import Storage, Transaction
from tests.builders import (
    INTEGRATED,
    KEY,
    NOW,
    ORDER,
    PURCHASED,
    STATE,
    STORE,
    TRACE,
    a_block,
    a_blocker,
    a_cause,
    a_command,
    a_commerce_order,
    a_dead_letter,
    a_history_entry,
    a_listing,
    a_product,
    a_record,
    a_replay,
    a_stock_item,
    a_store,
    an_event,
    an_item,
    an_order,
    in_stock,
    later,
    money,
    stocked,
)
from tests.contract.queries import Listening
from tests.fakes.memory import MemoryStorage
from tests.keys import KEYS
from tests.storages import open_storage

Tested = MemoryStorage | MongoStorage
SOURCE = TopicPartition("amazon.orders", 3)
IMPLEMENTATIONS = ("memory", *Driver)

KIT = (Component(sku="SKU-1", quantity=2), Component(sku="SKU-2", quantity=1))


@pytest.fixture(params=IMPLEMENTATIONS)
async def storage(
    request: pytest.FixtureRequest, mongo_url: str, database_name: str
) -> AsyncIterator[Tested]:
    if request.param == "memory":
        yield MemoryStorage()
        return
    async with open_storage(mongo_url, database_name, Driver(request.param), keys=KEYS) as opened:
        await opened.prepare()
        yield opened


async def write(storage: Tested, **changes: Any) -> None:
    async def work(transaction: Transaction) -> None:
        # As every stage does, and the embedded server takes no bulk write as a first command.
        await transaction.lock()
        await transaction.write(ChangeSet(**changes))

    await storage.transact(work)


async def move(storage: Tested, before: Checkpoint, after: Checkpoint) -> None:
    await _move(storage, before, after)


async def test_a_transaction_may_begin_with_its_write(storage: Tested) -> None:
    """As one that only moves a checkpoint past what no one is given."""
    [taken] = await storage.claim([SOURCE])
    for end in (4, 9):
        after = taken.moved(end, ())

        async def work(
            transaction: Transaction, move: tuple[Checkpoint, Checkpoint] = (taken, after)
        ) -> None:
            await transaction.write(ChangeSet(), [move])

        await storage.transact(work, SOURCE)
        taken = after
    assert await storage.checkpoint(SOURCE) == taken


async def _move(
    storage: Storage, before: Checkpoint, after: Checkpoint, **told: TopicPartition
) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write(ChangeSet(), [(before, after)])

    await storage.transact(work, **told)


async def read(storage: Tested, ask: Callable[[Transaction], Awaitable[Any]]) -> Any:
    return await storage.transact(ask)


def new(record: OrderRecord, *history: HistoryEntry) -> OrderWrite:
    return OrderWrite(record, history, is_new=True, details=False)


def checked(record: OrderRecord, *history: HistoryEntry) -> OrderWrite:
    return OrderWrite(record, history, is_new=False, details=False)


async def stored_order(storage: Tested, key: str = KEY) -> OrderRecord | None:
    found: OrderRecord | None = (await read(storage, lambda t: t.orders({key}))).get(key)
    return found


async def stored_story(storage: Tested, key: str = KEY) -> Sequence[HistoryEntry]:
    if isinstance(storage, MemoryStorage):
        return storage.contents.histories[key]
    document = await storage._database.amazon_orders.find_one({"_id": key})
    assert document is not None
    return [history_entry_from_document(entry) for entry in document["history"]]


async def count(storage: Tested) -> dict[str, int]:
    """How much there is of all that a transaction may add."""
    names = [
        *("orders", "commerce_orders", "events", "dead_letters", "offset_resets", "stores"),
        "checkpoints",
    ]
    if isinstance(storage, MemoryStorage):
        return {name: len(getattr(storage.contents, name)) for name in names}
    collections = {"orders": "amazon_orders"}
    return {
        name: await storage._database[collections.get(name, name)].count_documents({})
        for name in names
    }


# ---------------------------------------------------------------- round trips

OUTCOMES: tuple[Outcome, ...] = (
    *(Waiting(reason) for reason in WaitingReason),
    *(Skipped(reason) for reason in SkipReason),
    a_block(
        a_blocker(code=BlockerCode.NOT_IN_CATALOG, sku=None, seller_sku=None, available=None),
        a_blocker(code=BlockerCode.DISABLED, asin="B1", available=-2.5, required=3),
        since=later(-5),
        tried=4,
    ),
    Created("commerce-1"),
    Withdrawn(SkipReason.CANCELED),
)


def a_full_order(**overrides: Any) -> Any:
    fields: dict[str, Any] = {
        "seller_id": "A1",
        "marketplace_id": "ATVPDKIKX0DER",
        "latest_ship_date": later(48),
        "total": money("1234567890123456789.00", "EUR"),
        "buyer": Buyer(name="B. Uyer", email="b@example.org"),
        "gifts": (Gift(order_item_id="1", message="Enjoy!"), Gift(order_item_id="2")),
        "ship_to": Address(
            name="N", lines=("1", "2"), city="C", region="R", postal_code="P", country="US"
        ),
        "items": (
            an_item(quantity_shipped=1, buyer_requested_cancel=True),
            an_item(order_item_id="2", seller_sku=None, price=money("10.0", "EUR"), tax=None),
            an_item(order_item_id="3", price=money("0.1000", "JPY"), asin=None, title=None),
            an_item(
                order_item_id="4",
                charges=(
                    Charge(kind=ChargeKind.SHIPPING, amount=money("5.00"), tax=money("0.40")),
                    Charge(kind=ChargeKind.DISCOUNT, amount=money("-1.0")),
                ),
                tax_collection=TaxCollection(scheme="IOSS", ioss_number="IM1"),
            ),
            an_item(order_item_id="5", charges=()),
        ),
        "charges": (Charge(kind=ChargeKind.OTHER, amount=money("2.00")),),
        "purchase_order_number": "PO-1",
        "items_expected": 3,
        "buyer_requested_cancel": True,
        "shipping_service": "Std",
        "programs": ("PRIME", "BUSINESS"),
        "packages": (Package(carrier="UPS", tracking_number="1Z", shipped_at=NOW), Package()),
    }
    return an_order(**(fields | overrides))


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
async def test_an_order_comes_back_as_it_was_in_each_outcome(
    storage: Tested, outcome: Outcome
) -> None:
    record = a_record(
        order=a_full_order(),
        buyer_data=Retained(later(1), RetentionReason.OPEN),
        outcome=outcome,
        depends_on=("product:SKU-1", f"store:{STORE}"),
        sequence=3,
        received=5,
        ignored=2,
        decided_at=later(1),
    )
    await write(storage, orders=[new(record)])
    assert await stored_order(storage) == record


async def test_an_order_of_which_hardly_anything_was_told_comes_back_as_it_was(
    storage: Tested,
) -> None:
    record = a_record(
        order=an_order(
            status=None,
            fulfillment_channel=None,
            purchase_date=None,
            last_update_date=None,
            total=None,
            items=(),
            items_complete=False,
        ),
        outcome=Waiting(WaitingReason.PURCHASE_DATE_UNKNOWN),
    )
    await write(storage, orders=[new(record)])
    assert await stored_order(storage) == record


async def test_rule_15_the_clocks_of_an_order_come_back_as_they_were(storage: Tested) -> None:
    clocks = Clocks(
        fields={"total": later(-1), "buyer.name": later(-1), "status": later(2), "programs": None},
        lines={
            "item-1": LineClock(later(2), None, later(-1), Completeness.PROVISIONAL),
            "2": LineClock(NOW, NOW, None, Completeness.ANNOUNCED),
        },
        listed_at=later(-1),
        cancel_request=CancelRequest(requested=False, at=None),
    )
    kept = Retained(later(1), RetentionReason.SHIPPED)
    record = a_record(order=a_full_order(clocks=clocks), buyer_data=kept)
    await write(storage, orders=[new(record)])
    assert await stored_order(storage) == record


async def test_rule_5_what_an_order_waits_for_is_stored_with_when_it_began(
    storage: Tested,
) -> None:
    missing = (MissingDetail.CHANNEL, MissingDetail.PRICES)
    waiting = Waiting(WaitingReason.DETAILS_PENDING, missing)
    await write(storage, orders=[new(a_record(outcome=waiting))])
    stored = await stored_order(storage)
    assert stored is not None
    assert isinstance(stored.outcome, Waiting)
    assert stored.outcome.missing == missing
    if isinstance(storage, MemoryStorage):
        return  # what is asked by time is asked of documents
    found = await storage._database.amazon_orders.find_one({"_id": KEY})
    assert found is not None
    assert found["import"]["details_pending_since"] == NOW
    created = OrderWrite(a_record(outcome=Created("c-1")), (), is_new=False, details=False)
    await write(storage, orders=[created])
    found = await storage._database.amazon_orders.find_one({"_id": KEY})
    assert found is not None
    assert {"details_pending_since", "missing"}.isdisjoint(found["import"])


async def test_what_was_not_told_is_not_stored(storage: Tested) -> None:
    if isinstance(storage, MemoryStorage):
        assert vars(storage.contents)  # has no documents: nothing to look into
        return
    bare = an_order(total=None, items=(an_item(price=None, tax=None, asin=None),))
    await write(storage, orders=[new(a_record(order=bare))])
    document = await storage._database.amazon_orders.find_one({"_id": KEY})
    assert document is not None
    assert None not in document.values()
    assert {"buyer", "ship_to", "gifts", "total", "packages", "programs"}.isdisjoint(document)
    assert {"price", "tax", "asin"}.isdisjoint(document["items"][0])
    assert None not in document["import"].values()


@pytest.mark.parametrize("amount", ["10.00", "10.0", "10", "0.00", "-3.10", "9" * 34, "0.0000001"])
async def test_money_keeps_its_digits_and_its_currency(storage: Tested, amount: str) -> None:
    order = an_order(total=money(amount, "JPY"), items=(an_item(price=money(amount, "EUR")),))
    await write(storage, orders=[new(a_record(order=order))])
    stored = await stored_order(storage)
    assert stored is not None
    assert stored.order.total is not None
    assert stored.order.items[0].price is not None
    assert str(stored.order.total.amount) == str(money(amount).amount)
    assert str(stored.order.items[0].price.amount) == str(money(amount).amount)
    assert (stored.order.total.currency, stored.order.items[0].price.currency) == ("JPY", "EUR")


async def test_times_come_back_in_utc_to_the_millisecond(storage: Tested) -> None:
    moment = to_utc(datetime.fromisoformat("2026-03-01T02:03:04.567891+05:30"))
    await write(storage, orders=[new(a_record(order=an_order(purchase_date=moment)))])
    stored = await stored_order(storage)
    assert stored is not None
    assert stored.order.purchase_date == datetime(2026, 2, 28, 20, 33, 4, 567000, UTC)
    assert stored.order.purchase_date.utcoffset() == timedelta(0)


async def test_a_judgment_changes_the_outcome_and_leaves_the_details(storage: Tested) -> None:
    kept = Retained(later(1), RetentionReason.OPEN)
    record = a_record(order=a_full_order(), buyer_data=kept)
    await write(storage, orders=[new(record)])
    blocked = replace(record, outcome=a_block(), depends_on=("product:SKU-1",))
    await write(storage, orders=[checked(blocked)])
    assert await stored_order(storage) == blocked
    created = replace(record, outcome=Created("c"), sequence=2)
    await write(storage, orders=[checked(created)])
    assert await stored_order(storage) == created


async def test_later_details_are_stored_and_when_it_was_received_stays(storage: Tested) -> None:
    await write(storage, orders=[new(a_record(order=an_order(items=(), total=None)))])
    kept = Retained(later(1), RetentionReason.SHIPPED)
    shipped = a_full_order(status=AmazonStatus.SHIPPED)
    news = a_record(order=shipped, received=2, buyer_data=kept)
    change = OrderWrite(replace(news, received_at=later(9)), (), is_new=False, details=True)
    await write(storage, orders=[change])
    assert await stored_order(storage) == news


async def test_the_story_is_kept_in_its_order_with_its_facts(storage: Tested) -> None:
    first = a_history_entry(
        cause=a_cause(traceparent=TRACE, tracestate=STATE), facts={"store_updated_at": NOW}
    )
    second = a_history_entry(what="blocked", reasons=("disabled",), events=("e1", "e2"))
    await write(storage, orders=[new(a_record(), first)])
    await write(storage, orders=[checked(a_record(), second)])
    assert list(await stored_story(storage)) == [first, second]
    cause = (await stored_story(storage))[0].cause
    assert (cause.traceparent, cause.tracestate) == (TRACE, STATE)


async def test_a_creation_is_found_with_what_it_was_based_on(storage: Tested) -> None:
    facts = {"products": [{"sku": "SKU-1", "reserved": 2, "as_of": NOW}], "store_updated_at": NOW}
    created = a_history_entry(what="created", facts=facts)
    later_news = a_history_entry(what="amended", facts={"changes": [{"field": "total"}]})
    await write(storage, orders=[new(a_record(), a_history_entry(what="blocked", facts=facts))])
    assert await read(storage, lambda t: t.creation_facts([KEY, "store-1/none"])) == {}
    await write(storage, orders=[checked(a_record(), created, later_news)])
    assert await read(storage, lambda t: t.creation_facts([KEY])) == {KEY: facts}


async def test_the_story_is_capped_and_the_oldest_go_first(storage: Tested) -> None:
    entries = [a_history_entry(what=str(number)) for number in range(HISTORY_LENGTH + 5)]
    await write(storage, orders=[new(a_record(), *entries[:10])])
    await write(storage, orders=[checked(a_record(), *entries[10:])])
    assert list(await stored_story(storage)) == entries[5:]


async def test_a_commerce_order_comes_back_as_it_was(storage: Tested) -> None:
    item = an_item(price=money("10.10", "EUR"), tax=None, seller_sku="a/b")
    order = a_commerce_order(
        lines=(CommerceLine(item, "SKU-1"), CommerceLine(an_item(order_item_id="2"), KIT)),
        reservations=(Reservation("SKU-1", 1), Reservation("SKU-2", 3)),
        fulfillment_channel=FulfillmentChannel.AFN,
        buyer_requested_cancel=True,
        replayed=True,
        total=None,
    )
    await write(storage, new_commerce_orders=[order])
    wanted = {order.commerce_order_id, "unknown"}
    found = await read(storage, lambda t: t.commerce_orders(wanted))
    assert found == {order.commerce_order_id: order}
    moved = replace(
        order,
        status=CommerceStatus.SHIPPED,
        reservations=(),
        acknowledged_at=NOW,
        shipped_at=later(1),
        completed_at=later(2),
        updated_at=later(1),
    )
    await write(storage, changed_commerce_orders=[moved])
    assert await read(storage, lambda t: t.commerce_orders(wanted)) == {
        order.commerce_order_id: moved
    }
    asked = an_item(quantity=1, buyer_requested_cancel=True, cancel_reason="Found cheaper")
    gone = an_item(order_item_id="item-2", quantity=0, price=None)
    amended = replace(
        moved,
        lines=(CommerceLine(asked, "SKU-1"), CommerceLine(gone, "SKU-2")),
        total=money("1.00"),
        buyer_requested_cancel=not moved.buyer_requested_cancel,
        address_known=True,
        acknowledged_at=None,
        grown_at=later(2),
    )
    await write(storage, changed_commerce_orders=[amended])
    assert await read(storage, lambda t: t.commerce_orders(wanted)) == {
        order.commerce_order_id: amended
    }


async def test_facts_come_back_as_they_were(storage: Tested) -> None:
    plain = a_store()
    full = a_store(
        store_id="store-2",
        seller_id="A2",
        import_amazon_orders=False,
        order_number_source=OrderNumberSource.AMAZON,
        reserve_pending=True,
        commerce_counts_orders_from=CountsOrdersFrom.SHIPPED,
        fba_requires_stock=False,
        commerce_order_url="https://c/{commerce_order_id}",
        seller_central_url="https://s/{amazon_order_id}",
    )
    product = a_product(name=None, manage_stock=False, salable_quantity=2.5, enabled=False)
    listing, kit = a_listing(seller_sku="a/b"), a_listing(sku=None, components=KIT)
    await write(storage, stores=[plain, full], **stocked(product), listings=[listing, kit])
    assert await read(storage, lambda t: t.stores()) == {STORE: plain, "store-2": full}
    products = await read(storage, lambda t: t.products({"SKU-1", "SKU-9"}))
    assert products == {"SKU-1": in_stock(product, 0)}
    listed = await read(storage, lambda t: t.listings({f"{STORE}/a/b", kit.key, "x/y"}))
    assert listed == {f"{STORE}/a/b": listing, kit.key: kit}


async def test_a_fact_told_again_takes_the_place_of_the_old_one(storage: Tested) -> None:
    await write(storage, stores=[a_store()], products=[a_product()], listings=[a_listing()])
    store, product = a_store(name="Other"), a_product(salable_quantity=3, as_of=NOW)
    listing = a_listing(sku="SKU-2")
    await write(storage, stores=[store], **stocked(product), listings=[listing])
    assert await read(storage, lambda t: t.stores()) == {STORE: store}
    products = await read(storage, lambda t: t.products({"SKU-1"}))
    assert products == {"SKU-1": in_stock(product, 0)}
    assert list((await read(storage, lambda t: t.listings({f"{STORE}/SELLER"}))).values()) == [
        listing
    ]


async def test_the_catalog_follows_listings_and_takes_a_sku_without_one_by_its_name(
    storage: Tested,
) -> None:
    products = [a_product(sku=sku) for sku in ("SKU-1", "SKU-2", "SELLER")]
    await write(storage, products=products, listings=[a_listing()])
    wanted = {(STORE, "SELLER"), (STORE, "SKU-2"), (STORE, "SKU-9")}
    catalog = await read(storage, lambda t: t.catalog(wanted))
    assert catalog.matches == {f"{STORE}/SELLER": "SKU-1"}
    assert set(catalog.products) == {"SKU-1", "SKU-2"}
    await write(storage, deleted_listings=[f"{STORE}/SELLER"])
    catalog = await read(storage, lambda t: t.catalog(wanted))
    assert catalog.matches == {}
    assert set(catalog.products) == {"SELLER", "SKU-2"}


async def test_rule_24_the_catalog_has_the_components_of_a_kit(storage: Tested) -> None:
    products = [a_product(sku=sku) for sku in ("SKU-1", "SKU-2", "SELLER")]
    await write(storage, products=products, listings=[a_listing(sku=None, components=KIT)])
    wanted = {(STORE, "SELLER")}
    catalog = await read(storage, lambda t: t.catalog(wanted))
    assert catalog.matches == {f"{STORE}/SELLER": KIT}
    assert set(catalog.products) == {"SKU-1", "SKU-2"}
    await write(storage, listings=[a_listing()])
    catalog = await read(storage, lambda t: t.catalog(wanted))
    assert catalog.matches == {f"{STORE}/SELLER": "SKU-1"}


async def test_rule_7_a_catalog_says_which_skus_look_like_those_it_has_not(storage: Tested) -> None:
    there = ("C25-case", "C25-größe", "Both", "BOTH", "gone", "SKU-1")
    await write(
        storage,
        products=[a_product(sku=sku) for sku in there],
        listings=[a_listing(sku="c25-CASE ")],
    )
    await write(storage, deleted_products=["gone"])
    asked = ("SELLER", "C25-gro\u0308ße", "both", "GONE", "SKU-1", "sku-1", "nowhere")
    catalog = await read(storage, lambda t: t.catalog({(STORE, sku) for sku in asked}))
    assert catalog.similar == {
        "c25-CASE ": "C25-case",
        "C25-gro\u0308ße": "C25-größe",
        "both": "BOTH",
        "sku-1": "SKU-1",
    }


async def _catalog(wanted: set[tuple[str, str]], transaction: Transaction) -> Catalog:
    return await transaction.catalog(wanted)


@pytest.mark.parametrize("driver", list(Driver))
async def test_rule_7_nothing_is_looked_up_where_nothing_is_missing(
    mongo_url: str, driver: Driver
) -> None:
    listening = Listening()
    where: Any = (mongo_url, f"t_similar_{driver.value}", driver, KEYS)
    async with open_storage(*where, event_listeners=[listening]) as storage:
        await storage.prepare()
        await write(storage, products=[a_product(), a_product(sku="SKU-2")])
        asked: list[int] = []
        for wanted in ({(STORE, "SKU-1"), (STORE, "SKU-2")}, {(STORE, "SKU-1"), (STORE, "sku-1")}):
            before = len(listening.heard)
            await read(storage, partial(_catalog, wanted))
            asked.append(len(listening.heard) - before)
    assert asked == [3, 4], "listings, products and their units, and what looks alike"


async def test_asking_for_nothing_gives_nothing(storage: Tested) -> None:
    await write(storage, orders=[new(a_record())], products=[a_product()], listings=[a_listing()])

    async def ask(t: Transaction) -> list[Any]:
        asked = (t.orders, t.orders_of, t.commerce_orders, t.products, t.product_versions)
        found: list[Any] = [await one(()) for one in asked]
        return [*found, await t.listings(()), await t.facts_depended_on(())]

    assert not any(await read(storage, ask))


# ---------------------------------------------------------------- stock

HELD = {"SKU-1"}


async def test_held_pieces_are_counted_up_and_down(storage: Tested) -> None:
    await write(storage, **stocked(a_product(), a_product(sku="SKU-2")))
    await write(storage, reserved={DEFAULT_STOCK: {"SKU-1": 5, "SKU-2": 1}})
    await write(storage, reserved={DEFAULT_STOCK: {"SKU-1": -2, "SKU-2": 0}})
    products = await read(storage, lambda t: t.products({"SKU-1", "SKU-2"}))
    assert {sku: product.reserved for sku, product in products.items()} == {"SKU-1": 3, "SKU-2": 1}


async def test_a_new_count_and_what_it_frees_are_written_together(storage: Tested) -> None:
    await write(storage, **stocked(a_product()))
    await write(storage, reserved={DEFAULT_STOCK: {"SKU-1": 5}})
    recounted = a_product(salable_quantity=6, as_of=NOW)
    await write(storage, **stocked(recounted), reserved={DEFAULT_STOCK: {"SKU-1": -4}})
    products = await read(storage, lambda t: t.products(HELD))
    assert products == {"SKU-1": in_stock(recounted, 1)}


async def test_a_deleted_product_is_out_of_the_catalog_and_keeps_its_count_and_holds(
    storage: Tested,
) -> None:
    await write(storage, **stocked(a_product(as_of=NOW)))
    await write(storage, reserved={DEFAULT_STOCK: {"SKU-1": 4}})
    await write(storage, deleted_products=["SKU-1"])
    assert await read(storage, lambda t: t.products(HELD)) == {}
    assert (await read(storage, lambda t: t.catalog({(STORE, "SKU-1")}))).products == {}
    kept = (await read(storage, lambda t: t.product_versions(HELD)))["SKU-1"]
    assert kept.as_of == NOW
    await write(storage, reserved={DEFAULT_STOCK: {"SKU-1": -1}})
    again = a_product(as_of=later(1), salable_quantity=8)
    await write(storage, **stocked(again))
    assert await read(storage, lambda t: t.products(HELD)) == {"SKU-1": in_stock(again, 3)}


async def test_a_product_told_and_deleted_at_once_keeps_what_was_told(storage: Tested) -> None:
    await write(storage, products=[a_product(as_of=NOW)], deleted_products=["SKU-1"])
    assert await read(storage, lambda t: t.products(HELD)) == {}
    kept = (await read(storage, lambda t: t.product_versions(HELD)))["SKU-1"]
    assert kept.as_of == NOW


async def in_each(stock_id: str, transaction: Transaction) -> Mapping[str, StockedProduct]:
    return await transaction.products(HELD, stock_id)


async def test_each_stock_has_units_of_its_own(storage: Tested) -> None:
    """Also of a product that was never counted there: its stock may not be managed."""
    north = a_stock_item(stock_id="north", salable_quantity=2.5, as_of=NOW)
    await write(storage, **stocked(a_product()))
    await write(storage, stock_items=[north])
    await write(storage, reserved={"north": {"SKU-1": 2}, "south": {"SKU-1": 3}})
    await write(storage, reserved={DEFAULT_STOCK: {"SKU-1": 1}, "south": {"SKU-1": 1}})
    units = [
        (await read(storage, partial(in_each, stock_id)))["SKU-1"]
        for stock_id in (DEFAULT_STOCK, "north", "south", "west")
    ]
    found = [(one.salable_quantity, one.reserved, one.counted_at) for one in units]
    assert found == [(10, 1, INTEGRATED), (2.5, 2, NOW), (0, 4, None), (0, 0, None)]
    kept = await read(storage, lambda t: t.stock_items({"north/SKU-1", "south/SKU-1", "x/y"}))
    assert kept == {"north/SKU-1": north}


async def test_a_deleted_count_leaves_no_units_and_keeps_its_time_and_holds(
    storage: Tested,
) -> None:
    await write(storage, **stocked(a_product()), deleted_stock_items=["north/SKU-1"])
    assert await read(storage, lambda t: t.stock_items({"north/SKU-1"})) == {}
    item = a_stock_item(as_of=NOW)
    await write(storage, stock_items=[item], reserved={"north": {"SKU-1": 2}})
    await write(storage, deleted_stock_items=["north/SKU-1"])
    there = (await read(storage, lambda t: t.products(HELD, "north")))["SKU-1"]
    assert (there.salable_quantity, there.reserved, there.counted_at) == (0, 2, NOW)
    assert await read(storage, lambda t: t.stock_items({"north/SKU-1"})) == {"north/SKU-1": item}
    await write(storage, stock_items=[a_stock_item(salable_quantity=7, as_of=later(1))])
    assert (await read(storage, lambda t: t.products(HELD, "north")))["SKU-1"].available == 5


async def test_each_stock_counts_its_order_numbers(storage: Tested) -> None:
    orders = [commerce(n, stock_id=stock) for n, stock in enumerate(("north", "north", "default"))]

    async def work(transaction: Transaction) -> Mapping[str, int]:
        numbers = await transaction.lock({"north", "south", DEFAULT_STOCK})
        await transaction.write(ChangeSet(new_commerce_orders=orders))
        orders.clear()
        return numbers

    await storage.transact(work)
    assert await storage.transact(work) == {"north": 2, "south": 0, DEFAULT_STOCK: 1}


async def test_deleting_or_holding_a_product_never_told_makes_none(storage: Tested) -> None:
    await write(storage, deleted_products=["SKU-1"], reserved={DEFAULT_STOCK: {"SKU-2": 3}})
    assert await read(storage, lambda t: t.product_versions({"SKU-1", "SKU-2"})) == {}


# ---------------------------------------------------------------- checkpoints and the outbox

BEGINNING = Checkpoint(SOURCE, 0)


async def test_a_partition_nobody_has_read_stands_at_the_beginning(storage: Tested) -> None:
    assert await storage.checkpoint(SOURCE) == Checkpoint(SOURCE, 0)


async def test_a_position_moves_from_where_its_owner_left_it(storage: Tested) -> None:
    first = BEGINNING.moved(10, ())
    await move(storage, BEGINNING, first)
    await move(storage, first, first.moved(25, ()))
    assert await storage.checkpoint(SOURCE) == Checkpoint(SOURCE, 25, version=2)
    assert await storage.checkpoint(TopicPartition("amazon.orders", 4)) == Checkpoint(
        TopicPartition("amazon.orders", 4), 0
    )


@pytest.mark.parametrize(("epoch", "version"), [(0, 0), (0, 2), (1, 1)])
async def test_a_position_that_another_one_moved_is_lost(
    storage: Tested, epoch: int, version: int
) -> None:
    stands = BEGINNING.moved(10, ())
    await move(storage, BEGINNING, stands)
    believed = Checkpoint(SOURCE, 10, epoch=epoch, version=version)
    with pytest.raises(Fenced):
        await move(storage, believed, believed.moved(20, ()))
    assert await storage.checkpoint(SOURCE) == stands


async def test_a_transaction_that_does_not_move_the_offset_is_fenced_as_well(
    storage: Tested,
) -> None:
    stands = BEGINNING.moved(0, (a_command("first"),))
    await move(storage, BEGINNING, stands)
    with pytest.raises(Fenced):
        await move(storage, BEGINNING, BEGINNING.moved(0, (a_command("second"),)))
    assert await storage.checkpoint(SOURCE) == stands


async def test_a_position_within_a_message_says_how_much_of_it_is_decided(storage: Tested) -> None:
    [taken] = await storage.claim([SOURCE])
    within = taken.moved(4, (), 300, part_refused=True)
    await move(storage, taken, within)
    assert await storage.checkpoint(SOURCE) == within
    assert (await storage.claim([SOURCE])) == [replace(within, epoch=2)]
    assert within.moved(7, ()).part == 0


async def test_taking_a_partition_up_fences_its_former_owner_off(storage: Tested) -> None:
    [former] = await storage.claim([SOURCE])
    assert former == Checkpoint(SOURCE, 0, epoch=1)
    left = former.moved(10, (a_command(KEY),))
    await move(storage, former, left)
    [taken] = await storage.claim([SOURCE])
    assert taken == replace(left, epoch=2)
    with pytest.raises(Fenced):
        await storage.trim_outbox(left)
    with pytest.raises(Fenced):
        await move(storage, left, left.moved(20, ()))
    assert await storage.checkpoint(SOURCE) == taken


FIRST = keys.event_id(KEY, "CommerceOrderCreated", None)
"""Of an event that happens once: it does not tell its place in the sequence."""
OUTBOX: tuple[Outgoing, ...] = (
    an_event(event_id=FIRST, cause=a_cause(traceparent=TRACE, tracestate=STATE)),
    a_command(KEY),
    a_dead_letter(),
    CommandMessage("product:SKU-1", Recheck(fact="product:SKU-1")),
    an_event(event_id=keys.event_id(KEY, "CommerceOrderStatusChanged", 2), sequence=2),
    a_command("store-1/other"),
    CommandMessage(STORE, Sync(store_id=STORE, requested_at=NOW)),
    CommandMessage("r1", ReplayStep(replay_id="r1", step=2)),
    a_dead_letter(offset=8, key=None, value=None, headers=(("none", None),), last_offset=11),
)


async def with_outbox(storage: Tested) -> Checkpoint:
    after = BEGINNING.moved(10, OUTBOX)
    changes = ChangeSet(
        events=[one for one in OUTBOX if type(one) is type(an_event())],
        dead_letters=[one for one in OUTBOX if type(one) is type(a_dead_letter())],
    )

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write(changes, [(BEGINNING, after)])

    await storage.transact(work)
    return after


async def test_what_is_to_go_out_comes_back_whole_and_in_its_order(storage: Tested) -> None:
    await with_outbox(storage)
    stored = await storage.checkpoint(SOURCE)
    assert stored.outbox == OUTBOX
    cause = stored.outbox[0].cause  # type: ignore[union-attr]
    assert (cause.traceparent, cause.tracestate) == (TRACE, STATE)


async def test_published_is_marked_for_the_position_it_is_said_of(storage: Tested) -> None:
    after = await with_outbox(storage)
    await storage.trim_outbox(replace(after, version=after.version - 1))
    assert (await storage.checkpoint(SOURCE)).outbox == OUTBOX
    await storage.trim_outbox(after, OUTBOX[4:])
    assert await storage.checkpoint(SOURCE) == replace(after, outbox=OUTBOX[4:])
    await storage.trim_outbox(after)
    assert await storage.checkpoint(SOURCE) == replace(after, outbox=())


async def test_a_mark_and_a_transaction_that_moves_the_position_do_not_break_each_other(
    storage: Tested,
) -> None:
    """An event that waits for another partition has its processor marked while it decides on."""
    after = await with_outbox(storage)
    moved = asyncio.Event()
    marking: list[asyncio.Task[None]] = []

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write(ChangeSet(), [(after, after.moved(11, OUTBOX))])
        if not marking:
            marking.append(asyncio.create_task(storage.trim_outbox(after)))
            await asyncio.wait(marking, timeout=0.2)
        moved.set()

    await storage.transact(work, SOURCE)
    await asyncio.gather(*marking)
    assert moved.is_set()
    assert await storage.checkpoint(SOURCE) == after.moved(11, OUTBOX)


async def test_what_other_partitions_have_yet_to_tell_is_known_by_order_and_sequence(
    storage: Tested,
) -> None:
    after = await with_outbox(storage)
    first, second = ((KEY, number) for number in (1, 2))
    asked = {first, second, (KEY, 3), ("store-1/other", 1)}
    elsewhere = TopicPartition("commerce.stores", 0)
    assert set(await storage.pending_in_other_outboxes(asked, [elsewhere])) == {first, second}
    assert not await storage.pending_in_other_outboxes(asked, [SOURCE])
    await storage.trim_outbox(after, OUTBOX[4:])
    assert set(await storage.pending_in_other_outboxes(asked, [elsewhere])) == {second}


async def test_a_position_that_is_reset_keeps_what_is_to_go_out_and_its_topics_id(
    storage: Tested,
) -> None:
    before = await with_outbox(storage)
    after = replace(before.moved(4, before.outbox), topic_id="f00d")
    reset = OffsetReset(SOURCE, before.committed_offset, 4, NOW)

    async def work(transaction: Transaction) -> None:
        await transaction.write(ChangeSet(offset_resets=[reset, reset]), [(before, after)])

    await storage.transact(work, SOURCE)
    assert await storage.checkpoint(SOURCE) == Checkpoint(
        SOURCE, 4, OUTBOX, version=2, topic_id="f00d"
    )
    assert (await count(storage))["offset_resets"] == 1
    await move(storage, after, after.moved(5, ()))
    assert (await storage.checkpoint(SOURCE)).topic_id == "f00d"
    with pytest.raises(Fenced):
        await storage.transact(work, SOURCE)


# ---------------------------------------------------------------- all or nothing

TWICE: dict[str, dict[str, Any]] = {
    "events": {"events": [an_event()]},
    "commerce_orders": {"new_commerce_orders": [a_commerce_order()]},
    "commerce_orders: another": {
        "new_commerce_orders": [a_commerce_order(commerce_order_id="another")]
    },
}


@pytest.mark.parametrize("is_ahead", [False, True])
@pytest.mark.parametrize("name", TWICE)
async def test_what_is_there_already_is_named_and_all_of_its_transaction_is_lost(
    storage: Tested, name: str, *, is_ahead: bool
) -> None:
    await write(
        storage,
        events=[an_event()],
        new_commerce_orders=[a_commerce_order()],
        orders=[new(a_record())],
    )
    before = await count(storage)
    more: dict[str, Any] = {
        "events": [an_event(event_id="new")],
        "new_commerce_orders": [a_commerce_order(amazon_order_id="new")],
        "orders": [new(a_record(order=an_order(amazon_order_id="new")))],
        "stores": [a_store()],
        "dead_letters": [a_dead_letter()],
    }
    for kind, values in TWICE[name].items():
        more[kind] = [*more[kind], *values]

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write(ChangeSet(), [(BEGINNING, BEGINNING.moved(5, ()))])
        if is_ahead:
            await transaction.write_ahead(ChangeSet(**more))
        else:
            await transaction.write(ChangeSet(**more))

    with pytest.raises(DuplicateKey, match=f"^{name}"):
        await storage.transact(work)
    assert await count(storage) == before
    assert await storage.checkpoint(SOURCE) == Checkpoint(SOURCE, 0)


@pytest.mark.parametrize("driver", list(Driver))
async def test_an_outbox_that_outgrows_a_document_is_too_large_and_nothing_is_stored(
    mongo_url: str, driver: Driver
) -> None:
    """The processor then decides less at once, or waits until what is there is published."""
    async with open_storage(mongo_url, f"t_outbox_{driver.value}", driver, keys=KEYS) as storage:
        outbox = tuple(a_command("k" * 290) for _ in range(30_000))
        with pytest.raises(TransactionTooLarge):
            await move(storage, BEGINNING, BEGINNING.moved(5, outbox))
        assert await storage.checkpoint(SOURCE) == BEGINNING


@pytest.mark.parametrize("driver", list(Driver))
@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("checkpoints", {"_id": "amazon.orders:0"}),
        ("amazon_orders", {"_id": KEY}),
        ("positions", {"_id": "amazon.orders:0"}),
        ("turns", {"_id": "stock"}),
        ("layout", {"_id": "layout", "version": LAYOUT - 1}),
        ("layout", {"_id": "layout", "version": LAYOUT + 1}),
    ],
)
async def test_a_database_of_another_layout_is_refused_in_words(
    mongo_url: str, driver: Driver, collection: str, document: dict[str, Any]
) -> None:
    name = f"t_layout_{driver.value}_{collection}_{document.get('version', '')}"
    async with open_storage(mongo_url, name, driver, keys=KEYS) as storage:
        await storage._database[collection].insert_one(document)
        for _ in range(2):
            with pytest.raises(
                StorageBroken, match=f"database {name} is of another version; name an"
            ) as met:
                await storage.prepare()
            assert "\n" not in str(met.value)


async def test_a_lost_position_stores_nothing_of_its_transaction(storage: Tested) -> None:
    await move(storage, BEGINNING, BEGINNING.moved(10, ()))
    before = await count(storage)

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write_ahead(ChangeSet(orders=[new(a_record())], events=[an_event()]))
        await transaction.write(ChangeSet(), [(BEGINNING, BEGINNING.moved(5, ()))])

    with pytest.raises(Fenced):
        await storage.transact(work)
    assert await count(storage) == before


async def test_what_is_written_ahead_is_read_and_changed_by_what_follows(storage: Tested) -> None:
    """A session does one thing at a time: nothing may overtake the write."""
    many = [new(a_record(order=an_order(amazon_order_id=f"1-{n}"))) for n in range(300)]
    first = many[0].record

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write_ahead(ChangeSet(orders=many))
        assert await transaction.orders([first.key]) == {first.key: first}
        for sequence in (5, 6):
            changed = OrderWrite(replace(first, sequence=sequence), (), is_new=False, details=False)
            await transaction.write_ahead(ChangeSet(orders=[changed]))

    await storage.transact(work)
    stored = await read(storage, lambda view: view.orders([one.record.key for one in many]))
    assert len(stored) == len(many)
    assert stored[first.key].sequence == 6


async def test_work_that_fails_stores_nothing(storage: Tested) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write(ChangeSet(orders=[new(a_record())], stores=[a_store()]))
        await transaction.write(ChangeSet(), [(BEGINNING, BEGINNING.moved(5, ()))])
        await transaction.write_ahead(ChangeSet(events=[an_event()]))
        raise LookupError("of the work's own")

    with pytest.raises(LookupError):
        await storage.transact(work)
    assert not any((await count(storage)).values())
    await write(storage, orders=[new(a_record())])
    assert await stored_order(storage) == a_record()


async def test_the_same_dead_letter_told_twice_is_one(storage: Tested) -> None:
    await write(storage, dead_letters=[a_dead_letter()])
    await write(storage, dead_letters=[a_dead_letter()])
    assert (await count(storage))["dead_letters"] == 1


async def test_a_transaction_gives_what_its_work_gives(storage: Tested) -> None:
    async def work(_: Transaction) -> str:
        return "done"

    assert await storage.transact(work) == "done"


# ---------------------------------------------------------------- listings of orders


def waiting(number: int, purchased: datetime | None, **overrides: Any) -> OrderRecord:
    order = an_order(amazon_order_id=f"902-{number}", purchase_date=purchased)
    fields: dict[str, Any] = {"outcome": a_block(), "depends_on": ("product:SKU-1",)}
    return a_record(order=order, **(fields | overrides))


IN_ORDER = [
    waiting(8, None),
    waiting(9, None),
    waiting(7, PURCHASED),
    waiting(1, PURCHASED + timedelta(milliseconds=1)),
    waiting(3, PURCHASED + timedelta(days=1)),
    waiting(4, PURCHASED + timedelta(days=1)),
    waiting(2, PURCHASED + timedelta(days=2)),
]
OTHERS = [
    waiting(
        20, PURCHASED, depends_on=("product:SKU-2",), outcome=Waiting(WaitingReason.STORE_UNKNOWN)
    ),
    waiting(21, PURCHASED, depends_on=(), outcome=Created("c")),
]


async def pages(
    storage: Tested, ask: Callable[[Transaction, OrderCursor | None], Any], limit: int
) -> list[list[str]]:
    found: list[list[str]] = []
    after: OrderCursor | None = None
    while True:
        start = after
        page = await read(storage, lambda t, start=start: ask(t, start))  # type: ignore[misc]
        found.append([record.order.amazon_order_id for record in page])
        if len(page) < limit:
            return found
        after = OrderCursor(purchase_date=page[-1].order.purchase_date, key=page[-1].key)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_orders_that_wait_on_a_fact_come_oldest_first_and_each_once(
    storage: Tested, limit: int
) -> None:
    await write(storage, orders=[new(one) for one in (*reversed(IN_ORDER), *OTHERS)])
    expected = [one.order.amazon_order_id for one in IN_ORDER]
    for ask in (
        lambda t, after: t.orders_depending_on("product:SKU-1", after, limit),
        lambda t, after: t.blocked_orders(STORE, after, limit),
        lambda t, after: t.blocked_orders(None, after, limit),
    ):
        found = await pages(storage, ask, limit)
        assert [one for page in found for one in page] == expected
        assert all(len(page) == limit for page in found[:-1])


async def test_a_replay_is_kept_with_the_orders_of_each_step(storage: Tested) -> None:
    replay = a_replay(selected=3, criteria={"store_id": STORE})
    parts = [ReplayPart("r", 0, ("s/1", "s/2")), ReplayPart("r", 1, ("s/3",))]
    await write(storage, replays=[replay], replay_parts=parts)
    assert await read(storage, lambda t: t.replay("r")) == replay
    assert await read(storage, lambda t: t.replay("q")) is None
    for step, keys_of_step in ((0, ["s/1", "s/2"]), (1, ["s/3"]), (2, [])):
        found = await read(storage, lambda t, step=step: t.replay_part("r", step))  # type: ignore[misc]
        assert list(found) == keys_of_step
    moved = replay.advanced([ReplayAnswer("s/1", ReplayResult.CREATED)], NOW)
    older = a_replay(replay_id="a", state=ReplayState.DONE, finished_at=NOW)
    await write(storage, replays=[moved, older])
    assert await read(storage, lambda t: t.replays(running=True, limit=9)) == [moved]
    assert await read(storage, lambda t: t.replays(running=False, limit=9)) == [moved, older]


async def test_the_latest_sync_that_is_through_is_known(storage: Tested) -> None:
    assert await read(storage, lambda t: t.synced(None)) is None
    for at in (later(1), later(0)):
        await write(storage, synced={ALL_STORES: at, STORE: at})
    assert await read(storage, lambda t: t.synced(None)) == later(1)
    assert await read(storage, lambda t: t.synced(STORE)) == later(1)
    assert await read(storage, lambda t: t.synced("store-9")) is None


async def test_a_listing_gives_whole_records(storage: Tested) -> None:
    record = a_record(
        order=a_full_order(),
        outcome=a_block(),
        depends_on=("product:SKU-1",),
        buyer_data=Retained(later(1), RetentionReason.OPEN),
    )
    await write(storage, orders=[new(record, a_history_entry())])
    assert await read(storage, lambda t: t.orders_depending_on("product:SKU-1", None, 5)) == [
        record
    ]
    assert await read(storage, lambda t: t.blocked_orders(None, None, 5)) == [record]


async def test_blocked_orders_are_given_for_one_store_or_for_all(storage: Tested) -> None:
    other = a_record(order=an_order(store_id="store-2"), store_id="store-2", outcome=a_block())
    await write(storage, orders=[new(waiting(1, PURCHASED)), new(other)])
    first = await read(storage, lambda t: t.blocked_orders(STORE, None, 9))
    assert [one.key for one in first] == [f"{STORE}/902-1"]
    assert len(await read(storage, lambda t: t.blocked_orders(None, None, 9))) == 2
    assert await read(storage, lambda t: t.blocked_orders("store-3", None, 9)) == []


async def test_facts_waited_on_are_those_asked_for_that_some_order_names(storage: Tested) -> None:
    await write(
        storage,
        orders=[
            new(waiting(1, None, depends_on=("product:A", "listing:s/b/c"))),
            new(waiting(2, None, depends_on=("product:A", "store:s"))),
        ],
    )
    asked = {"product:A", "listing:s/b/c", "product:other"}
    found = await read(storage, lambda t: t.facts_depended_on(asked))
    assert set(found) == {"product:A", "listing:s/b/c"}
    assert len(found) == 2


async def test_an_order_that_waits_no_more_is_not_found_any_more(storage: Tested) -> None:
    await write(storage, orders=[new(waiting(1, None))])
    await write(storage, orders=[checked(waiting(1, None, depends_on=(), outcome=Created("c")))])
    assert not await read(storage, lambda t: t.facts_depended_on({"product:SKU-1"}))
    assert not await read(storage, lambda t: t.orders_depending_on("product:SKU-1", None, 9))


async def test_orders_are_found_by_their_amazon_id_whatever_their_store(storage: Tested) -> None:
    other = a_record(order=an_order(store_id="store-2"), store_id="store-2")
    await write(storage, orders=[new(other, a_history_entry()), new(waiting(1, None))])
    found = await read(storage, lambda t: t.orders_of({ORDER, "902-1", "902-9"}))
    assert found == {ORDER: other, "902-1": waiting(1, None)}


def commerce(number: int, **overrides: Any) -> CommerceOrder:
    return a_commerce_order(amazon_order_id=f"902-{number}", **overrides)


async def test_counted_are_acknowledged_or_complete_orders_that_hold_one_of_the_products(
    storage: Tested,
) -> None:
    orders = [
        commerce(1, acknowledged_at=NOW),
        commerce(
            2, acknowledged_at=NOW, reservations=(Reservation("SKU-2", 1), Reservation("SKU-3", 1))
        ),
        commerce(3, acknowledged_at=NOW, reservations=(Reservation("SKU-9", 1),)),
        commerce(4, acknowledged_at=NOW, reservations=()),
        commerce(5),
        commerce(6, completed_at=NOW),
        commerce(7, shipped_at=NOW),
    ]
    await write(storage, new_commerce_orders=orders)
    wanted = {"SKU-1", "SKU-2", "SKU-3"}
    found = await read(storage, lambda t: t.counted_orders(wanted))
    assert sorted(one.amazon_order_id for one in found) == ["902-1", "902-2", "902-6"]
    assert not await read(storage, lambda t: t.counted_orders(()))


async def test_rule_25_pending_reservations_come_back_those_longest_without_news_first(
    storage: Tested,
) -> None:
    def reserving(number: int, at: float, store: str = STORE) -> OrderRecord:
        order = an_order(amazon_order_id=f"902-{number}", store_id=store)
        units = (Reservation("SKU-1", number), Reservation("SKU-2", 1))
        pending = PendingReservation("north", units, later(at))
        return a_record(order=order, store_id=store, pending_reservation=pending)

    records = [reserving(1, 3), reserving(2, 1), reserving(3, 2, "store-2"), a_record()]
    await write(storage, orders=[new(record) for record in records])

    async def found(store: str | None, before: float, limit: int = 9) -> list[OrderRecord]:
        orders = await read(storage, lambda t: t.pending_reservations(store, later(before), limit))
        return list(orders)

    assert await found(None, 4) == [records[1], records[2], records[0]]
    assert await found(None, 4, limit=1) == [records[1]]
    assert await found(STORE, 3) == [records[1]]
    await write(storage, orders=[checked(replace(records[1], pending_reservation=None))])
    assert await found(STORE, 3) == []


async def test_shipped_commerce_orders_are_given_for_one_store_or_all_up_to_a_limit(
    storage: Tested,
) -> None:
    shipped = {"status": CommerceStatus.SHIPPED}
    orders = [
        commerce(1, **shipped),
        commerce(2, **shipped),
        commerce(3, store_id="store-2", **shipped),
        *(commerce(4 + n, status=one) for n, one in enumerate(CommerceStatus) if one != "shipped"),
    ]
    await write(storage, new_commerce_orders=orders)

    async def ids(store_id: str | None, limit: int) -> list[str]:
        found = await read(storage, lambda t: t.shipped_commerce_orders(store_id, limit))
        return sorted(order.amazon_order_id for order in found)

    assert await ids(STORE, 9) == ["902-1", "902-2"]
    assert await ids(None, 9) == ["902-1", "902-2", "902-3"]
    assert len(await ids(None, 2)) == 2


# ---------------------------------------------------------------- at the same time


@asynccontextmanager
async def second_of(storage: Tested) -> AsyncIterator[Tested]:
    """The same database from another process, as far as the process can tell."""
    if isinstance(storage, MemoryStorage):
        yield storage
    else:
        yield MongoStorage(storage._client, storage._database.name, KEYS)


async def test_of_two_transactions_that_take_a_lock_the_second_sees_the_first(
    storage: Tested,
) -> None:
    await write(storage, **stocked(a_product()))

    async def take_one(transaction: Transaction) -> int:
        await transaction.lock()
        reserved: int = (await transaction.products(HELD))["SKU-1"].reserved
        await asyncio.sleep(0)
        await transaction.write(ChangeSet(reserved={DEFAULT_STOCK: {"SKU-1": 1}}))
        return reserved

    async with second_of(storage) as second:
        seen = await asyncio.gather(*(one.transact(take_one) for one in (storage, second)))
    assert sorted(seen) == [0, 1]
    assert (await read(storage, lambda t: t.products(HELD)))["SKU-1"].reserved == 2


async def test_order_numbers_are_unique_however_many_are_given_at_once(storage: Tested) -> None:
    async def create(transaction: Transaction, number: int) -> int:
        given = (await transaction.lock())[DEFAULT_STOCK] + 1
        order = commerce(number, order_number=f"{given:09d}")
        await transaction.write(ChangeSet(new_commerce_orders=[order]))
        return given

    async with second_of(storage) as second:
        numbers = await asyncio.gather(
            *(
                (storage, second)[number % 2].transact(lambda t, n=number: create(t, n))  # type: ignore[misc]
                for number in range(20)
            )
        )
    assert sorted(numbers) == list(range(1, 21))


async def test_of_two_owners_of_a_partition_one_loses(storage: Tested) -> None:
    async def decide(owner: Tested, key: str) -> str:
        async def work(transaction: Transaction) -> None:
            record = a_record(order=an_order(amazon_order_id=key))
            await transaction.lock()
            await transaction.write(ChangeSet(orders=[new(record)]))
            await transaction.write(ChangeSet(), [(BEGINNING, BEGINNING.moved(5, ()))])

        try:
            await owner.transact(work)
        except Fenced:
            return "lost"
        return "won"

    async with second_of(storage) as second:
        ends = await asyncio.gather(decide(storage, "a"), decide(second, "b"))
    assert sorted(ends) == ["lost", "won"]
    assert (await count(storage))["orders"] == 1


async def test_a_due_sync_is_claimed_by_one_of_many(storage: Tested) -> None:
    claims = await asyncio.gather(*(storage.claim_sync(NOW, later(1)) for _ in range(10)))
    assert claims.count(True) == 1
    assert not await storage.claim_sync(later(0.5), later(2))
    claims = await asyncio.gather(*(storage.claim_sync(later(1), later(2)) for _ in range(10)))
    assert claims.count(True) == 1


async def test_preparing_again_changes_nothing_that_is_stored(storage: Tested) -> None:
    await storage.prepare()
    before = a_record()
    await write(storage, orders=[new(before, a_history_entry())], stores=[a_store()])
    [taken] = await storage.claim([SOURCE])
    kept = await count(storage), await indexes(storage)
    await storage.prepare()
    assert (await count(storage), await indexes(storage)) == kept
    assert await stored_order(storage) == before
    assert await storage.checkpoint(SOURCE) == taken


async def indexes(storage: Tested) -> dict[str, Any]:
    """The indexes of each collection; in memory there are none."""
    if isinstance(storage, MemoryStorage):
        return {}
    names = dict.fromkeys(index.collection for index in INDEXES)
    return {name: await storage._database[name].index_information() for name in names}


@pytest.mark.parametrize("driver", list(Driver))
async def test_a_database_with_other_indexes_is_refused_in_words(
    mongo_url: str, driver: Driver
) -> None:
    """As one of an earlier version, which took an Amazon order once for each store."""
    async with open_storage(mongo_url, f"t_earlier_{driver.value}", driver, keys=KEYS) as storage:
        await storage._database.amazon_orders.create_index([("amazon_order_id", 1)])
        with pytest.raises(StorageBroken, match="collection amazon_orders is of another version"):
            await storage.prepare()


@pytest.mark.parametrize("driver", list(Driver))
async def test_a_transaction_its_dead_owner_left_open_does_not_keep_the_next_one_out(
    mongo_url: str, driver: Driver
) -> None:
    """A worker killed in a transaction holds its checkpoint and its lock for a minute else."""
    database = f"t_left_open_{driver.value}"
    async with (
        open_storage(mongo_url, database, driver, keys=KEYS) as killed,
        open_storage(mongo_url, database, driver, keys=KEYS) as follower,
    ):
        await killed.prepare()
        [former] = await killed.claim([SOURCE])
        holds_all = asyncio.Event()

        async def work(transaction: Transaction) -> None:
            await transaction.lock()
            await transaction.write(ChangeSet(), [(former, former.moved(5, ()))])
            holds_all.set()
            await asyncio.Event().wait()

        hanging = asyncio.create_task(killed.transact(work, SOURCE))
        await holds_all.wait()
        async with asyncio.timeout(50):
            [taken] = await follower.claim([SOURCE])
            assert taken == replace(former, epoch=former.epoch + 1)
            await _move(follower, taken, taken.moved(5, ()), source=SOURCE)
        hanging.cancel()
        await asyncio.wait([hanging])
        assert (await follower.checkpoint(SOURCE)).committed_offset == 5
