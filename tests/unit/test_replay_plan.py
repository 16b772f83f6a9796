"""The dry run of a replay: which orders, what would become of them, and what if (rule 14)."""

from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from models.change_set import ChangeSet, OrderWrite
from models.commerce_order import CommerceOrder
from models.keys import DEFAULT_STOCK
from models.order_record import OrderRecord
from models.outcome import Created, ImportState, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from models.reference_data import Listing, Product, Store
from models.replay import ReplayAnswer, ReplayReason, ReplayResult, Selection
from order_import.operations import dry_run as plan
from order_import.operations.assumptions import BadAssumption, parse_assumptions
from order_import.operations.dry_run import dry_run, select_keys
from order_import.operations.order_names import OrderNotNamed, resolve_orders
from order_import.operations.replay import Summary
from storage.port import Transaction
from tests.builders import (
    INTEGRATED,
    NOW,
    STORE,
    a_block,
    a_blocker,
    a_commerce_order,
    a_product,
    a_record,
    a_store,
    an_item,
    an_order,
    later,
    money,
    stocked,
)
from tests.fakes.memory import MemoryStorage

DISABLED = Skipped(SkipReason.IMPORT_DISABLED)


def a_numbered(number: str, outcome: Any, **order: Any) -> OrderRecord:
    return a_record(
        order=an_order(amazon_order_id=number, store_id=order.pop("store_id", STORE), **order),
        outcome=outcome,
    )


async def a_storage(
    *records: OrderRecord,
    stores: Sequence[Store] = (a_store(),),
    products: Sequence[Product] = (a_product(),),
    listings: Sequence[Listing] = (),
    commerce: Sequence[CommerceOrder] = (),
    reserved: dict[str, int] | None = None,
) -> MemoryStorage:
    storage = MemoryStorage()

    async def work(transaction: Transaction) -> None:
        await transaction.write(
            ChangeSet(
                orders=[OrderWrite(one, (), is_new=True, details=True) for one in records],
                stores=list(stores),
                **stocked(*products),
                listings=list(listings),
                new_commerce_orders=list(commerce),
                reserved={DEFAULT_STOCK: reserved or {}},
            )
        )

    await storage.transact(work)
    return storage


async def planned(
    storage: MemoryStorage, wanted: Selection | None = None, *assumed: str
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What would become of which order, by the order's number."""
    answers: list[ReplayAnswer] = []
    await dry_run(storage, wanted or Selection(), NOW, parse_assumptions(assumed), answers.append)
    return {
        one.key.partition("/")[2]: (one.result.value, tuple(why.code for why in one.reasons))
        for one in answers
    }


async def some_orders() -> MemoryStorage:
    return await a_storage(
        a_numbered("new", a_block(a_blocker(sku="CAT", seller_sku="SELL")), purchase_date=later(5)),
        a_numbered("old", a_block(a_blocker(code="disabled")), purchase_date=later(1)),
        a_numbered("off", DISABLED, purchase_date=later(3)),
        a_numbered("undated", a_block(), purchase_date=None),
        a_numbered("canceled", Withdrawn(SkipReason.CANCELED), purchase_date=later(2)),
        a_numbered("early", Skipped(SkipReason.BEFORE_INTEGRATION), purchase_date=later(2)),
        a_numbered("pending", Waiting(WaitingReason.DETAILS_PENDING), purchase_date=later(2)),
        a_numbered("made", Created("id"), purchase_date=later(2)),
        a_numbered("other", a_block(), purchase_date=later(4), store_id="store-2"),
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Selection(), ["undated", "old", "off", "other", "new"]),
        (Selection(store_id="store-2"), ["other"]),
        (Selection(reason="disabled"), ["old"]),
        (Selection(reason="import-disabled"), ["off"]),
        (Selection(reason="canceled"), ["canceled"]),
        (Selection(reason="details-pending"), ["pending"]),
        (Selection(sku="CAT"), ["new"]),
        (Selection(sku="SELL"), ["new"]),
        (Selection(sku="SELL", reason="disabled"), []),
        (Selection(sku="SELL", reason="out-of-stock"), ["new"]),
        (Selection(since=later(3), until=later(4)), ["off", "other"]),
        (Selection(until=later(1)), ["old"]),
        (Selection(keys=(f"{STORE}/made", f"{STORE}/old", f"{STORE}/old")), ["old", "made"]),
        (Selection(keys=(f"{STORE}/made", f"{STORE}/old"), reason="disabled"), ["old"]),
        (Selection(keys=(f"{STORE}/nowhere", f"{STORE}/old")), ["old", "nowhere"]),
        (Selection(keys=("store-2/other", "store-2/x"), store_id=STORE), []),
        (Selection(state=ImportState.CREATED), ["made"]),
    ],
    ids=str,
)
async def test_a_selection_finds_its_orders_oldest_purchase_first(
    wanted: Selection, found: list[str]
) -> None:
    keys = await select_keys(await some_orders(), wanted)
    assert [key.partition("/")[2] for key in keys] == found


async def test_rule_14_each_refusal_names_its_reason() -> None:
    early = INTEGRATED.replace(year=2025)
    storage = await a_storage(
        a_numbered("made", Created("id")),
        a_numbered("canceled", Withdrawn(SkipReason.CANCELED), status="Canceled"),
        a_numbered("early", Skipped(SkipReason.BEFORE_INTEGRATION), purchase_date=early),
        a_numbered("pending", Waiting(WaitingReason.DETAILS_PENDING), items_complete=False),
        a_numbered("unpaid", Waiting(WaitingReason.STATUS_NOT_IMPORTABLE), status="Pending"),
        a_numbered("empty", Skipped(SkipReason.NOTHING_TO_IMPORT), items=()),
        a_numbered("off", DISABLED, store_id="closed"),
        a_numbered("blocked", a_block(), store_id="closed"),
        a_numbered("alien", Waiting(WaitingReason.STORE_UNKNOWN), store_id="unknown"),
        a_numbered("free", DISABLED),
        stores=(a_store(), a_store(store_id="closed", import_amazon_orders=False)),
    )
    everything = (*storage.contents.orders, f"{STORE}/nowhere")
    assert await planned(storage, Selection(keys=everything)) == {
        "made": ("refused", ("already-created",)),
        "canceled": ("refused", ("canceled",)),
        "early": ("refused", ("before-integration",)),
        "pending": ("refused", ("details-pending",)),
        "unpaid": ("refused", ("status-not-importable",)),
        "empty": ("refused", ("nothing-to-import",)),
        "off": ("refused", ("import-disabled",)),
        "blocked": ("refused", ("import-disabled",)),
        "alien": ("refused", ("store-unknown",)),
        "nowhere": ("refused", ("not-received",)),
        "free": ("created", ()),
    }


@pytest.mark.parametrize("chunk", [1, 2, 500])
async def test_one_balance_runs_over_the_whole_selection(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five orders for one unit each, three units: in chunks or not, the oldest three get them."""
    monkeypatch.setattr(plan, "CHUNK", chunk)
    orders = [a_numbered(str(n), a_block(), purchase_date=later(-n)) for n in range(5)]
    storage = await a_storage(
        *orders, products=(a_product(salable_quantity=5),), reserved={"SKU-1": 2}
    )
    summary = await dry_run(storage, Selection(), NOW)
    assert [one.key for one in summary.first[ReplayResult.CREATED]] == [
        f"{STORE}/{n}" for n in (4, 3, 2)
    ]
    assert [one.reasons for one in summary.first[ReplayResult.BLOCKED]] == [
        (ReplayReason("out-of-stock", "SKU-1", 1, 0.0),)
    ] * 2
    assert summary.value == {"USD": Decimal("32.40")}
    cause = summary.causes["out-of-stock", "SKU-1"]
    assert (cause.orders, cause.required, cause.available) == (2, 2, 0)


async def test_a_dry_run_changes_nothing() -> None:
    storage = await some_orders()
    before = deepcopy(storage.contents)
    await dry_run(storage, Selection(), NOW, parse_assumptions(["product:SKU-1:enabled=false"]))
    assert storage.contents == before


async def test_what_if_a_product_were_enabled_and_there() -> None:
    storage = await a_storage(
        a_numbered("1", a_block()),
        a_numbered("2", a_block(), items=(an_item(seller_sku="NEW", quantity=3),)),
        products=(a_product(enabled=False, salable_quantity=0),),
    )
    assert await planned(storage) == {
        "1": ("blocked", ("disabled", "out-of-stock")),
        "2": ("blocked", ("not-in-catalog",)),
    }
    assert await planned(storage, None, "product:SKU-1:enabled=true") == {
        "1": ("blocked", ("out-of-stock",)),
        "2": ("blocked", ("not-in-catalog",)),
    }
    fixed = "product:SKU-1:enabled=true,salable_quantity=1"
    assert (await planned(storage, None, fixed))["1"] == ("created", ())
    new = "product:NEW:salable_quantity"
    assert (await planned(storage, None, f"{new}=2"))["2"] == ("blocked", ("out-of-stock",))
    assert (await planned(storage, None, f"{new}=3"))["2"] == ("created", ())
    unmanaged = await planned(storage, None, "product:NEW:manage_stock=false")
    assert unmanaged["2"] == ("created", ())


async def test_what_if_a_seller_sku_were_matched_and_a_store_opened() -> None:
    storage = await a_storage(
        a_numbered("1", a_block(), items=(an_item(seller_sku="ODD/1"),)),
        a_numbered("2", DISABLED, store_id="closed"),
        stores=(a_store(), a_store(store_id="closed", import_amazon_orders=False)),
    )
    listing, opened = f"listing:{STORE}/ODD/1:sku=SKU-1", "store:closed:import_amazon_orders=true"
    assert await planned(storage, None, listing, opened) == dict.fromkeys("12", ("created", ()))
    assert (await planned(storage, None, listing))["2"] == ("refused", ("import-disabled",))
    later_store = await planned(storage, None, f"store:{STORE}:integrated_at=2027-01-01T00:00Z")
    assert later_store["1"] == ("refused", ("before-integration",))
    with pytest.raises(BadAssumption, match="store typo: not known; known stores: closed, store-1"):
        await planned(storage, None, "store:typo:import_amazon_orders=true")


async def test_what_if_commerce_counted_anew() -> None:
    """Rule 10: a new count has the acknowledged order in it already, the other one not."""
    storage = await a_storage(
        a_numbered("1", a_block(), items=(an_item(quantity=9),)),
        products=(a_product(salable_quantity=0),),
        commerce=(
            a_commerce_order(amazon_order_id="seen", acknowledged_at=NOW),
            a_commerce_order(amazon_order_id="unseen"),
        ),
        reserved={"SKU-1": 2},
    )
    assert (await planned(storage, None, "product:SKU-1:salable_quantity=9"))["1"][0] == "blocked"
    assert (await planned(storage, None, "product:SKU-1:salable_quantity=10"))["1"][0] == "created"


async def test_orders_are_named_by_their_id_or_their_key() -> None:
    storage = await a_storage(
        a_numbered("1", a_block()),
        a_numbered("2", a_block(), store_id="store-2"),
    )
    assert await resolve_orders(storage, ["1", f"{STORE}/1", "x/y"], None) == (f"{STORE}/1", "x/y")
    assert await resolve_orders(storage, ["2"], "store-2") == ("store-2/2",)
    assert await resolve_orders(storage, ["2"], None) == ("store-2/2",)
    with pytest.raises(OrderNotNamed, match="order 1 is not an order of store store-2"):
        await resolve_orders(storage, ["1"], "store-2")
    with pytest.raises(OrderNotNamed, match="no order 3 was received"):
        await resolve_orders(storage, ["3"], None)
    with pytest.raises(OrderNotNamed, match="order x/y is not an order of store store-2"):
        await resolve_orders(storage, ["x/y"], "store-2")


def test_a_summary_does_not_grow_with_the_orders() -> None:
    summary = Summary()
    for number in range(1000):
        summary.add(ReplayAnswer(str(number), ReplayResult.CREATED, (), money("1.10", "EUR")))
    assert len(summary.first[ReplayResult.CREATED]) == 20
    assert summary.orders == {"created": 1000}
    assert summary.money == [money("1100.00", "EUR")]
