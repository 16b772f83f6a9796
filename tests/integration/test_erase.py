"""Rule 27 on real servers: a buyer is erased on request, and no message brings the buyer back."""

import json
from typing import Any

from models.buyer_data import Erased
from models.topics import TopicName
from streams.clock import now
from tests.integration.commands import Commands
from tests.integration.kit import System
from tests.integration.wire import key, order, product, store

EMAIL = "jane@marker.example"


async def test_rule_27_a_buyer_is_erased_on_request_and_the_order_stays(system: System) -> None:
    commands = Commands(system)
    await system.publish(TopicName.STORES, store(), key="us")
    await system.publish(TopicName.PRODUCTS, product())
    # Purchased now: an open order keeps its buyer for 180 days.
    dates = {"purchase_date": now().isoformat(), "last_update_date": now().isoformat()}
    one, two = order(1, **dates), order(2, **dates)
    kim = {"name": "Kim", "email": "kim@marker.example"}
    other = order(3, **dates, buyer=kim, ship_to=None)
    # Bytes that name the buyer, in a form that nobody reads.
    poison = json.dumps({"who": EMAIL}).encode()
    async with system.worker():
        await system.publish(TopicName.ORDERS, one, two, other, poison)
        for sent in (one, two, other):
            await system.becomes(key(sent), "created")
        await system.eventually(lambda: _has_dead_letter(system), "the dead letter is there")
        asked = ("erase", "--email", EMAIL.upper())
        plan = await commands.json(*asked)
        assert sorted(plan["orders"]) == [key(one), key(two)]
        assert len(plan["dead_letters"]) == 1
        assert "Nothing was erased" in await commands.text(*asked)
        before = await system.stored_record(key(one))
        assert before.order.ship_to is not None
        executed = ("--execute", "--reason-text", "asked by letter")
        assert "Erased." in await commands.text("erase", "--email", EMAIL, *executed)
        erased = await system.stored_record(key(one))
        assert isinstance(erased.buyer_data, Erased)
        nothing = {"buyer": None, "ship_to": None}
        assert erased.order == before.order.model_copy(update=nothing)
        assert (await system.stored_record(key(other))).order.buyer is not None
        [dead_letter] = await system.dead_letters()
        assert (dead_letter.value, dead_letter.erased_at) == (None, erased.buyer_data.at)
        # Amazon sends it again.
        await system.publish(TopicName.ORDERS, one | {"last_update_date": now().isoformat()})
        await system.eventually(lambda: _is_received_twice(system, key(one)), "it came again")
    again = await system.stored_record(key(one))
    assert (again.order.buyer, again.order.ship_to) == (None, None)
    assert again.buyer_data == erased.buyer_data
    assert len(await system.read(TopicName.COMMERCE_ORDERS)) == 3
    entries = [one async for one in system.db.console_audit.find({})]
    targets = {(one["action"], one["target"], one["detail"]) for one in entries}
    assert targets == {
        ("erased-buyer", target, "asked by letter")
        for target in (key(one), key(two), dead_letter.dead_letter_id)
    }
    assert "erased at" in await commands.text("explain", key(one))
    assert "nothing to erase" in await commands.text("erase", "--email", EMAIL, status=1)
    by_name: Any = await commands.json("erase", "--order", key(other))
    assert [*by_name["orders"]] == [key(other)]
    assert "no order 1-2-3 was received" in await commands.text(
        "erase", "--order", "1-2-3", status=1
    )


async def _has_dead_letter(system: System) -> bool:
    return bool(await system.db.dead_letters.count_documents({}))


async def _is_received_twice(system: System, name: str) -> bool:
    stored = await system.order(name)
    return bool(stored and stored["received"] == 2)
