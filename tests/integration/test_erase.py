"""Rule 27 on real servers: a buyer is erased on request, and no message brings the buyer back."""

import asyncio
import json
import re
import sys
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from models.buyer_data import Erased
from models.topics import MAX_PUBLISHED_BYTES, TopicName
from streams.clock import now
from tests.integration.commands import Commands
from tests.integration.kit import ROOT, System, environment
from tests.integration.test_cold_start import free_port, lines
from tests.integration.wire import key, order, product, store

EMAIL = "jane@marker.example"
DAY_MS = 24 * 60 * 60 * 1000


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


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"retention.ms": str(14 * DAY_MS)}, "for 21 days"),  # with Kafka's own segments of a week
        ({"retention.ms": "-1", "segment.ms": str(DAY_MS)}, "forever"),
        ({"cleanup.policy": "compact"}, "forever"),
    ],
)
async def test_rule_27_a_topic_that_keeps_buyer_data_for_too_long_is_refused(
    config: dict[str, str], kept: str, system: System, admin: AIOKafkaAdminClient
) -> None:
    commands = Commands(system)
    assert "nothing to do" in await commands.text("init")
    topic = system.settings.topic_prefix + TopicName.DEAD_LETTER
    config |= {"max.message.bytes": str(MAX_PUBLISHED_BYTES)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    line = f"topic {topic}: buyer data is kept there {kept}, and may be kept for 15 days"
    assert line in await commands.text("init", status=1)
    assert line in await commands.text("status", status=1)
    allowed = Commands(system, ORDER_IMPORT_ALLOW_LONG_PII="true")
    assert "nothing to do" in await allowed.text("init")
    assert "buyer data is kept there" not in await allowed.text("status")


async def test_a_program_claims_a_buyer_until_it_is_erased(system: System) -> None:
    commands = Commands(system)
    printed = await commands.text("console-user", "shop", "downstream")
    (token,) = re.findall(r"^token: (\S+)$", printed, re.MULTILINE)
    users = system.directory / "users"
    users.write_text(re.sub(r"^token: .*$", "", printed, flags=re.MULTILINE))
    users.chmod(0o600)
    port = free_port()
    console = await system.start_worker(
        *("-m", "order_import", "console"), console_port=port, console_users_file=users
    )
    url = f"http://127.0.0.1:{port}"
    await system.publish(TopicName.STORES, store(), key="us")
    await system.publish(TopicName.PRODUCTS, product())
    sent = order(1, purchase_date=now().isoformat(), last_update_date=now().isoformat())
    async with system.worker():
        await system.publish(TopicName.ORDERS, sent)
        await system.becomes(key(sent), "created")
    program = str(ROOT / "examples" / "claim_buyer.py")
    env = environment(system.settings) | {"CONSOLE_URL": url, "CONSOLE_TOKEN": token}

    async def claim(name: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, program, name),
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()

    async def is_served() -> bool:
        return (await claim("1-2-3"))[2] == "Not known yet.\n"

    await system.eventually(is_served, "the console answers")
    status, output, _ = await claim(sent["amazon_order_id"])
    assert status == 0
    claimed = json.loads(output)
    assert claimed["buyer"]["email"] == EMAIL
    assert claimed["ship_to"]["lines"] == ["1 Marker Street"]
    erase = ("erase", "--order", key(sent), "--execute", "--reason-text", "asked")
    await commands.text(*erase)
    assert (await claim(key(sent)))[2] == "Erased.\n"
    env["CONSOLE_TOKEN"] = "another"  # noqa: S105 - a wrong one
    assert "status 401" in (await claim(key(sent)))[2]
    assert await console.stop() == 0
    assert EMAIL not in console.log.read_text()

    rows = [row async for row in system.db.console_audit.find({}).sort("number")]
    assert [(row["action"], row["detail"]) for row in rows] == [
        ("claimed-buyer", "not-received"),
        ("claimed-buyer", ""),
        ("erased-buyer", "asked"),
        ("claimed-buyer", "erased"),
        ("refused-claims", "1"),
    ]
    ends = [line["end"] for line in lines(console, "audited")]
    check = await commands.json("audit", "verify", "--expect", ends[0])
    assert (check["first"], check["number"], check["problem"]) == (1, 5, None)
    assert f"{check['number']}:{check['hash']}" == ends[-1]
    await system.db.console_audit.update_one({"number": 2}, {"$set": {"user": "nobody"}})
    assert "entry 2 was changed" in await commands.text("audit", "verify", status=1)
