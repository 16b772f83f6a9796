"""What the dry run says is what the execution does, on a world that has not changed between them.

`make proofs` tries 10,000 worlds.
"""

import os
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from handlers import blocker_check
from models import keys
from models.change_set import ChangeSet, OrderWrite
from models.keys import DEFAULT_STOCK
from models.order_record import OrderRecord
from models.outcome import Blocked, Created, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from models.replay import ReplayAnswer, ReplayResult, Selection
from order_import.operations import dry_run as plan
from order_import.operations.dry_run import dry_run, select_keys
from storage.port import Transaction
from tests.builders import (
    INTEGRATED,
    NOW,
    a_block,
    a_blocker,
    a_commerce_order,
    a_listing,
    a_product,
    a_record,
    a_store,
    an_item,
    an_order,
    later,
    stocked,
)
from tests.unit.kit import World

WORLDS = int(os.environ.get("REPLAY_WORLDS", "120"))
SEED = 20_261_124
STORES = ("on", "off", "early", "lenient")
SKUS = ("A", "B", "C", "D")


async def test_the_dry_run_and_the_execution_agree_in_any_world(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Chunks and steps are small and unequal, so that the balance is carried over their ends."""
    monkeypatch.setattr(plan, "CHUNK", 3)
    monkeypatch.setattr(blocker_check, "STEP", 4)
    chance = random.Random(SEED)
    seen: Counter[str] = Counter()
    for number in range(WORLDS):
        world = await _a_world(chance)
        everything = tuple(world.storage.contents.orders)
        wanted = Selection() if number % 2 else Selection(keys=(*everything, "on/nowhere"))
        planned: list[ReplayAnswer] = []
        summary = await dry_run(world.storage, wanted, NOW, report=planned.append)
        selected = await select_keys(world.storage, wanted)
        assert [one.key for one in planned] == selected
        before = world.storage.contents.copy()
        await _execute(world, selected)
        done = world.storage.contents.kept_replays.answers_by_order("r")
        assert [done[key] for key in selected] == planned, f"world {number}"
        made = world.storage.contents.commerce_orders.keys() - before.commerce_orders.keys()
        assert len(made) == summary.orders[ReplayResult.CREATED], f"world {number}"
        _check_stories(world, selected)
        seen.update(f"{one.result} {why.code}" for one in planned for why in one.reasons)
        seen.update(one.result.value for one in planned)
    # Worlds in which nothing happens would agree as well.
    assert set(seen) >= {
        *("created", "blocked", "refused", "refused already-created", "refused canceled"),
        *("refused before-integration", "refused import-disabled", "refused details-pending"),
        *("refused store-unknown", "refused status-not-importable", "refused not-received"),
        *("blocked not-in-catalog", "blocked disabled", "blocked out-of-stock"),
    }


async def test_rule_14_replaying_twice_does_nothing_more_in_a_hundred_worlds() -> None:
    chance = random.Random(SEED)
    for _ in range(100):
        world = await _a_world(chance)
        selected = await select_keys(world.storage, Selection())
        await _execute(world, selected)
        made = dict(world.storage.contents.commerce_orders)
        # The first one may have taken what an order before it was not blocked for (rule 13).
        await _execute(world, selected, replay_id="second")
        once = world.storage.contents.copy()
        published = len(world.events)
        await _execute(world, selected, replay_id="third")
        twice = world.storage.contents
        assert len(world.events) == published
        assert twice.commerce_orders == once.commerce_orders == made
        assert twice.products == once.products
        assert {key: _place(one) for key, one in twice.orders.items()} == {
            key: _place(one) for key, one in once.orders.items()
        }
        answers = twice.kept_replays.answers
        assert {key: answers[key] for key in once.kept_replays.answers} == (
            once.kept_replays.answers
        )


def _place(record: OrderRecord) -> Outcome:
    """Where an order stands, whatever it was tried."""
    outcome = record.outcome
    return replace(outcome, tried=0) if isinstance(outcome, Blocked) else outcome


async def _execute(world: World, selected: list[str], replay_id: str = "r") -> None:
    await world.replay(*selected, replay_id=replay_id)


def _check_stories(world: World, selected: list[str]) -> None:
    contents = world.storage.contents
    answers = contents.kept_replays.answers_by_order("r")
    for key in selected:
        answer = answers[key]
        codes = {why.code for why in answer.reasons}
        if codes & {"already-created", "canceled", "not-received"}:
            continue  # the judgment leaves these alone: nothing happened to them
        assert contents.histories[key][-1].facts["replay_id"] == "r", answer


async def _a_world(chance: random.Random) -> World:
    world = World(judged=False)
    reserved = {sku: chance.randint(0, 3) for sku in SKUS[:-1]}
    records = [_an_order(chance, number) for number in range(chance.randint(1, 14))]
    changes = ChangeSet(
        orders=[OrderWrite(one, (), is_new=True, details=True) for one in records],
        stores=[
            a_store(store_id="on"),
            a_store(store_id="off", import_amazon_orders=False),
            a_store(store_id="early", integrated_at=later(-300)),
            a_store(store_id="lenient", fba_requires_stock=False),
        ],
        **stocked(
            *(
                a_product(
                    sku=sku,
                    enabled=chance.random() < 0.8,
                    manage_stock=chance.random() < 0.8,
                    salable_quantity=chance.randint(0, 12),
                )
                for sku in SKUS[:-1]
            )
        ),
        listings=[
            a_listing(store_id=store, seller_sku="S", sku=chance.choice(SKUS)) for store in STORES
        ],
        new_commerce_orders=[
            a_commerce_order(
                store_id=one.store_id, amazon_order_id=one.order.amazon_order_id, reservations=()
            )
            for one in records
            if isinstance(one.outcome, Created)
        ],
        reserved={DEFAULT_STOCK: reserved},
    )

    async def work(transaction: Transaction) -> None:
        await transaction.write(changes)

    await world.storage.transact(work)
    return world


def _an_order(chance: random.Random, number: int) -> OrderRecord:
    store = chance.choice((*STORES, "on", "on", "unknown"))
    key = keys.order_key(store, str(number))
    outcome: Any = chance.choice(
        [
            *[a_block(a_blocker(sku=chance.choice(SKUS)))] * 5,
            *[Skipped(SkipReason.IMPORT_DISABLED)] * 4,
            Skipped(SkipReason.CANCELED),
            Skipped(SkipReason.BEFORE_INTEGRATION),
            Withdrawn(SkipReason.CANCELED),
            Withdrawn(SkipReason.NOTHING_TO_IMPORT),
            Waiting(WaitingReason.STORE_UNKNOWN),
            Waiting(WaitingReason.DETAILS_PENDING),
            Created(keys.commerce_order_id(key)),
        ]
    )
    items = tuple(
        an_item(
            order_item_id=str(line),
            seller_sku=chance.choice((*SKUS, "S", "A", "A", None if not line else "B")),
            quantity=chance.randint(0, 4),
        )
        for line in range(chance.randint(1, 3))
    )
    order = an_order(
        store_id=store,
        amazon_order_id=str(number),
        status=chance.choice(["Unshipped"] * 6 + ["Shipped"] * 3 + ["Pending", "Canceled"]),
        fulfillment_channel=chance.choice(["MFN", "MFN", "MFN", "AFN"]),
        purchase_date=chance.choice(
            [None, INTEGRATED, *(later(-hours) for hours in (500, 200, 100, 3, 2, 1))]
        ),
        items=items,
        items_complete=chance.random() < 0.9,
    )
    return a_record(order=order, outcome=outcome)
