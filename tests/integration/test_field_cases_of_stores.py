"""Field cases of stores and SKUs, sent as an operator would: what integrations report in public."""

from functools import partial
from typing import Any

from models.topics import TopicName
from tests.integration.commands import Commands
from tests.integration.kit import ROOT, System

CASES = ROOT / "tests" / "samples" / "field_cases"
MCF, BOTH, HEADER = "S02-0900001-0000001", "408-5600001-0000001", "408-5500001-0000001"


async def send(commands: Commands, topic: str, name: str, *options: str) -> None:
    [file] = CASES.glob(f"{name}*")
    await commands.text("send", topic, str(file), *options)


async def begin(system: System, commands: Commands, case: str) -> None:
    """Tell the stores of all cases and the products of one, and wait until they are there."""
    await send(commands, "stores", "00-facts-1")
    await send(commands, "products", case)
    told = partial(count, system, "products", {}), partial(count, system, "stores", {})

    async def are_there() -> bool:
        return all([await one() for one in told])

    await system.eventually(are_there, "the facts are there")


async def count(system: System, collection: str, query: dict[str, Any]) -> int:
    counted: int = await system.db[collection].count_documents(query)
    return counted


async def is_there(system: System, collection: str, query: dict[str, Any]) -> bool:
    return bool(await count(system, collection, query))


async def test_rule_21_case_09_an_order_of_another_channel_is_skipped_and_replayed_when_allowed(
    system: System,
) -> None:
    commands, key = Commands(system), f"field-us/{MCF}"
    async with system.worker():
        await begin(system, commands, "09-mcf-non-amazon-v0-1")
        await send(commands, "orders", "09-mcf-non-amazon-v0-2")
        await system.becomes(key, "skipped")
        await send(commands, "orders", "09-mcf-non-amazon-v0-3")
        told = partial(is_there, system, "amazon_orders", {"_id": key, "received": 2})
        await system.eventually(told, "its items are told")
        assert await system.state_of(key) == "skipped"
        assert "Not sold on Amazon (not-sold-on-amazon)" in await commands.text("explain", MCF)
        [line] = await commands.json("orders", "--reason", "not-sold-on-amazon")
        assert line["amazon_order_id"] == MCF
        assert await count(system, "commerce_orders", {}) == 0

        asked = ("replay", "--store", "field-us")
        assert "no orders match; nothing to replay" in await commands.text(*asked, status=1)
        assumed = "store:field-us:import_non_amazon_orders=true"
        plan = await commands.json(*asked, "--assume", assumed)
        assert plan["created"]["orders"] == 1
        store = await system.db.stores.find_one({"_id": "field-us"})
        told_store = {name: value for name, value in store.items() if name != "_id"}
        told_store |= {
            "import_non_amazon_orders": True,
            "integrated_at": store["integrated_at"].isoformat(),
            "updated_at": "2026-11-26T00:00:00Z",
        }
        await system.publish(TopicName.STORES, told_store)
        on = {"_id": "field-us", "import_non_amazon_orders": True}
        await system.eventually(partial(is_there, system, "stores", on), "the setting is on")
        assert await system.state_of(key) == "skipped"
        await commands.text("replay", "--execute", "--reason-text", "they are not in Commerce")
        await system.becomes(key, "created")
    events = sorted(await system.events(), key=lambda event: int(event["sequence"]))
    types = [event["event_type"] for event in events]
    assert types == ["OrderImportSkipped", "CommerceOrderCreated"]


async def test_rule_22_case_55_a_header_against_the_marketplace_is_told_in_the_history(
    system: System,
) -> None:
    commands = Commands(system)
    async with system.worker():
        await begin(system, commands, "55-header-against-marketplace-1")
        await send(commands, "orders", "55-header-against-marketplace-2", "--store", "field-de")
        await system.becomes(f"field-de/{HEADER}", "created")
        shown = await commands.text("explain", HEADER)
    assert "marketplace A13V1IB3VIYZZH" in shown
    assert "A1PA6795UKMFR9" in shown


async def test_rule_22_case_55_an_order_of_a_mistyped_store_moves_to_the_right_one(
    system: System,
) -> None:
    commands, document = Commands(system), "55-header-against-marketplace-2"
    async with system.worker():
        await begin(system, commands, "55-header-against-marketplace-1")
        await send(commands, "orders", document, "--store", "feild-fr")
        await system.becomes(f"feild-fr/{HEADER}", "waiting")
        await send(commands, "orders", document, "--store", "field-fr")
        await system.becomes(f"field-fr/{HEADER}", "created")
        history = await commands.json("explain", HEADER)
    whats = [entry["what"] for entry in history["history"]]
    assert whats == ["received", "moved-to-store", "created"]
    assert history["history"][1]["facts"] == {"from_store": "feild-fr"}
    assert await count(system, "amazon_orders", {}) == 1
    [event] = await system.events()
    assert (event["event_type"], event["sequence"]) == ("CommerceOrderCreated", 1)
    assert event["store_id"] == "field-fr"


async def test_rule_22_case_56_an_order_sent_for_two_stores_is_one_and_a_dead_letter(
    system: System,
) -> None:
    commands = Commands(system)
    async with system.worker():
        await begin(system, commands, "56-same-order-two-stores-1")
        await send(commands, "orders", "56-same-order-two-stores-2")
        await system.becomes(f"field-fr/{BOTH}", "created")
        await send(commands, "orders", "56-same-order-two-stores-3", "--store", "field-de")
        refused = partial(is_there, system, "dead_letters", {"code": "store-mismatch"})
        await system.eventually(refused, "it is refused for the other store")
        [dead_letter] = (await commands.json("dead-letters", "list"))["dead_letters"]
        assert dead_letter["message"] == (
            f"order {BOTH}: store field-fr has it, and it was sent for store field-de"
        )
        await commands.text("dead-letters", "redrive", dead_letter["id"], "--execute", status=1)

        async def is_refused_again() -> bool:
            return await count(system, "dead_letters", {}) == 2

        await system.eventually(is_refused_again, "unchanged, it is refused again")
        # Told without a store, it is news of the store that has it.
        await send(commands, "orders", "56-same-order-two-stores-2")
        known = {"_id": f"field-fr/{BOTH}", "received": 2}
        await system.eventually(partial(is_there, system, "amazon_orders", known), "it is taken")
    assert await count(system, "amazon_orders", {}) == 1
    assert await count(system, "commerce_orders", {}) == 1
    assert await count(system, "dead_letters", {}) == 2
    assert [event["event_type"] for event in await system.events()] == ["CommerceOrderCreated"]
