"""What integrations of Amazon orders report in public, played on the real path.

The inputs are `tests/samples/field_cases`, named `CASE-what-STEP-topic`: the steps of a case are
sent in the order of their numbers, all cases side by side, each with its own orders and products.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from order_import.bootstrap import connect_database
from order_import.cli.send import TOPICS, Kind, cut_documents, make_key
from order_import.operations.lag import open_lag_meter
from order_import.operations.publish import Message, send_messages
from tests.integration.commands import Commands
from tests.integration.kit import ROOT, System

INPUTS = ROOT / "tests" / "samples" / "field_cases"
STORE_TOLD_LATE = "21b-store-be.json"

LATER = {"08e": 2}
"""Cases that go on with the order of another one: how many steps that one has before."""

RAW = {f"24-encodings-{number}" for number in range(3, 8)}
"""Steps whose file is sent as one message, as `--raw` does."""

HEADERS = {"55-header-against-marketplace-2": "field-de", "56-same-order-two-stores-3": "field-de"}
"""The `store-id` header of steps that have one."""


class Case(NamedTuple):
    """What must come out of a case."""

    orders: Mapping[str, Sequence[str]]
    """Of each order what is stored in the end, and then what was published, one after the other."""
    dead_letters: Sequence[str] = ()
    """Code and message of each, by patterns."""


def imported(order: str, held: str) -> Sequence[str]:
    """Return what becomes of an MFN order that is created and of which nothing more is told."""
    return (f"processing {order}; holds {held}", f"created {order}")


def lines(*skus: str) -> str:
    return ", ".join(f"1 {sku} 10.00" for sku in skus)


def units(*skus: str) -> str:
    return ", ".join(f"1 {sku}" for sku in skus)


ODD_SKUS = (
    *("-LEADING", "00123", "Cam/4567", "Größe-42", 'PH 7" HVL-1', "RED SHIRT XL", "UP low"),
    *("a.b$c", "ab#c%20&d+e", "靴-27cm"),
)
LIKE = ("C25-case", "C25-größe", "C25-trail")
UNLIKE = ("C25-CASE", "C25-gro\u0308ße", "C25-trail ")
"""SKUs of Amazon that differ from those of the catalog by case, a blank and their Unicode form."""

GIFT = "48.46: 2 C14B 40.00 tax 6.39, shipping 5.99, gift-wrap 4.47, discount -2.00"

CASES: Mapping[str, Case] = {
    "06": Case(
        {
            "field-us/111-0600001-0000001": (
                "processing 10.00: 0 C06-B 10.00, 1 C06-A 10.00; holds 1 C06-A",
                "created 40.00: 1 C06-B 10.00, 3 C06-A 30.00",
                (
                    "amended 10.00: 1 C06-A 10.00: total 40.00 to 10.00, 1 quantity 3 to 1, "
                    "1 price 30.00 to 10.00, 2 quantity 1 to 0"
                ),
            ),
            "field-us/111-0600002-0000002": imported("10.00: 1 C06-B 10.00", "1 C06-B"),
        }
    ),
    "07": Case(
        {
            "field-us/111-0700001-0000001": (
                *imported("10.00: 1 C07 10.00", "1 C07"),
                "cancellation of 1 requested",
            )
        }
    ),
    "08a": Case({"field-us/111-0800001-0000001": imported("12.00: 1 C08 12.00", "1 C08")}),
    "08e": Case({}),  # the order of 08a, told again
    "08d": Case({"field-us/111-0800004-0000004": imported("12.00: 1 C08 12.00", "1 C08")}),
    "09": Case({"field-us/S02-0900001-0000001": ("skipped: not-sold-on-amazon",) * 2}),
    "12": Case(
        {"field-us/111-1200001-0000001": imported("None: 1 C12 None; REPLACEMENT", "1 C12")}
    ),
    "14": Case(
        {
            "field-de/304-1400001-0000001": imported(
                (
                    "48.46: 2 C14 40.00 tax 6.39 collected by MARKETPLACE_FACILITATOR "
                    "Amazon Services, Inc. IOSS IM0000000000, shipping 5.99, gift-wrap 4.47, "
                    "discount -2.00"
                ),
                "2 C14",
            )
        }
    ),
    "14b": Case(
        {
            "field-de/304-1400002-0000002": (
                f"processing {GIFT}; holds 2 C14B",
                (  # without the gift wrap, the total looks as if the taxes came on top
                    "created 48.46: 2 C14B 40.00 tax 6.39, shipping 5.99, discount -2.00, "
                    "unexplained -2.88"
                ),
                (
                    f"amended {GIFT}: 1 charges.gift-wrap None to 4.47, "
                    "1 charges.gift-wrap.tax None to 0.71"
                ),
            )
        }
    ),
    "16": Case(
        {
            "field-us/111-1600001-0000001": imported("10.00: 1 C16 10.00", "1 C16"),
            "field-us/111-1600002-0000002": imported("None: 1 C16 None", "1 C16"),
        }
    ),
    "17": Case(
        {
            "field-de/304-1700001-0000001": imported(
                "100.00: 10 C17 100.00; BUSINESS PO-4711", "10 C17"
            )
        }
    ),
    "21": Case(
        {
            order: imported("10.00: 1 C21 10.00", "1 C21")
            for order in (
                *("field-de/304-2100001-0000001", "field-fr/408-2100002-0000002"),
                *("field-be/171-2100003-0000003", "field-de/304-2100004-0000004"),
            )
        },
        ["unknown-store: order 171-2100003-0000003: .* marketplace AMEN7PMS3EDWL; store-id: .*"],
    ),
    "23": Case(
        {
            f"field-us/111-230000{number}-000000{number}": imported("None: 1 C23 10.00", "1 C23")
            for number in range(1, 7)
        }
    ),
    "24": Case(
        {"field-de/304-2400001-0000001": imported("10.00: 1 C24 10.00", "1 C24")},
        [
            "malformed-json: expected JSON in UTF-8, but line 1 is in another encoding",
            "malformed-json: expected JSON in UTF-8, not UTF-16",
            "malformed-json: expected JSON in UTF-8, not XML or HTML",
            "malformed-json: expected JSON in UTF-8, not gzip",
            "malformed-json: expected JSON: .*",
        ],
    ),
    "25": Case(
        {
            "field-de/304-2500001-0000001": imported(
                f"100.00: {lines(*ODD_SKUS)}", units(*ODD_SKUS)
            ),
            "field-de/304-2500002-0000002": (
                f"processing None: {lines(*LIKE)}; holds {units(*LIKE)}",
                "blocked: "
                + ", ".join(
                    f"not-in-catalog {sku} (the catalog has {like})"
                    for sku, like in zip(UNLIKE, LIKE, strict=True)
                ),
                f"created None: {lines(*LIKE)}",
                "released",
            ),
        }
    ),
    "29": Case(
        {
            "field-fr/408-2900001-0000001": imported("20.00: 2 C29 20.00", "2 C29"),
            "field-fr/408-2900002-0000002": imported("20.00: 2 C29 20.00", "2 C29"),
        }
    ),
    "33": Case(
        {
            "field-us/111-3300001-0000001": imported("10.00: 1 C33 10.00", "1 C33"),
            "field-us/111-3300003-0000003": imported("10.00: 1 C33 10.00", "1 C33"),
        },
        [r"invalid-order: payload\.Orders\[1\]\..*: .* \(order 111-3300002-0000002\)"],
    ),
    "36": Case(
        {
            order: imported("30.00: 1 C36 10.00, 1 C36 10.00, 1 C36 10.00", "3 C36")
            for order in ("field-us/111-3600001-0000001", "field-us/111-3600002-0000002")
        }
    ),
    "37": Case(
        {
            "field-us/111-3700001-0000001": (
                "processing 20.00: 2 C37 20.00; holds 2 C37",
                "created 30.00: 2 C37 20.00, unexplained 10.00",
                "amended 20.00: 2 C37 20.00: total 30.00 to 20.00",
            )
        }
    ),
    "39": Case(
        {
            "field-us/111-3900001-0000001": (
                "processing 60.00: 1 of 6 C39-MUG 60.00; holds 6 C39-MUG",
                "blocked: out-of-stock C39-MUG",
                "created 60.00: 1 of 6 C39-MUG 60.00",
                "released",
            )
        }
    ),
    "40": Case(
        {},
        [
            "unknown-payload: expected .*, not an error response of Amazon",
            "unknown-payload: payload: expected at least one of OrderStatus, .*",
            "unknown-payload: payload: expected at least one of OrderStatus, .*",
        ],
    ),
    "41": Case({}, ["unknown-payload: expected Amazon's own spelling of OrderStatus, .*"]),
    "46": Case(
        {
            "field-us/111-4600001-0000001": imported("10.00: 1 C46 10.00", "1 C46"),
            "field-us/111-4600002-0000002": imported("10.00: 1 C46 10.00", "1 C46"),
            "field-us/111-4600003-0000003": imported("None: 1 C46 10.00", "1 C46"),
        }
    ),
    "48": Case(
        {
            "field-us/111-4800001-0000001": imported(
                "None: 1 C48-A 10.00, 1 C48-B 10.00", "1 C48-A, 1 C48-B"
            )
        }
    ),
    "53": Case({"field-us/111-5300001-0000001": imported("12.00: 1 C53 12.00 tax 1.00", "1 C53")}),
    "53c": Case({"field-us/111-5300003-0000003": imported("12.00: 1 C53 12.00 tax 1.00", "1 C53")}),
    "55": Case({"field-de/408-5500001-0000001": imported("10.00: 1 C55 10.00", "1 C55")}),
    "56": Case(
        {"field-fr/408-5600001-0000001": imported("10.00: 1 C56 10.00", "1 C56")},
        ["store-mismatch: order 408-5600001-0000001: store field-fr has it, .* store field-de"],
    ),
    "57": Case({}, ["unknown-payload: expected Amazon's own spelling of AmazonOrderId, .*"]),
    "62": Case(
        {
            "field-us/111-6200001-0000001": imported("10.00: 1 C62 10.00", "1 C62"),
            "field-us/111-6200002-0000002": imported("10.00: 1 C62 10.00", "1 C62"),
        }
    ),
    "66": Case(
        {
            "field-us/111-6600001-0000001": (
                "processing 10.00: 1 C66 10.00; PO-1; holds 1 C66",
                "created 10.00: 1 C66 10.00",
                "amended 10.00: 1 C66 10.00: address_known False to True",
                "amended 10.00: 1 C66 10.00; PO-1: purchase_order_number None to PO-1",
            )
        }
    ),
}


class Step(NamedTuple):
    """A file that is sent."""

    case: str
    messages: Sequence[Message]


def read_rounds() -> Sequence[Sequence[Step]]:
    """Return what is sent: the first steps of all cases, then the second ones, and so on."""
    rounds: dict[int, list[Step]] = defaultdict(list)
    for path in sorted(INPUTS.iterdir()):
        found = re.match(r"((\d+[a-z]?)-.*-(\d+))-([a-z]+)\.", path.name)
        if found:
            step, case, number, kind = found.groups()
            rounds[int(number) + LATER.get(case, 0)].append(Step(case, _messages(path, step, kind)))
    return [rounds[number] for number in sorted(rounds)]


def _messages(path: Path, step: str, name: str) -> Sequence[Message]:
    kind, data = Kind(name), path.read_bytes()
    if step in RAW:
        return [Message(TOPICS[kind], None, data)]
    return [
        Message(TOPICS[kind], make_key(kind, document), document.raw, HEADERS.get(step))
        for document in cut_documents(path.name, data)
    ]


async def test_every_case_gives_what_is_right(system: System) -> None:
    rounds = read_rounds()
    async with (
        system.worker(),
        connect_database(system.settings) as database,
        open_lag_meter(system.settings) as meter,
    ):

        async def all_is_decided() -> bool:
            lag = await meter.measure(await database.reader.standings())
            return not any(topic.total for topic in lag)

        for number, steps in enumerate(rounds):
            await send_messages(system.settings, [one for step in steps for one in step.messages])
            await system.eventually(all_is_decided, f"step {number} is decided")
        store = _messages(INPUTS / STORE_TOLD_LATE, "21b", "stores")
        await send_messages(system.settings, store)
        redrive = ("redrive", "--all", "--code", "unknown-store", "--execute", "--wait", "0")
        await Commands(system).text("dead-letters", *redrive)
        await system.eventually(all_is_decided, "what was redriven is decided")

    told_of_55 = (await system.order("field-de/408-5500001-0000001"))["history"][0]["facts"]
    marketplaces = (told_of_55["marketplace_id"], told_of_55["store_marketplace_id"])
    assert marketplaces == ("A13V1IB3VIYZZH", "A1PA6795UKMFR9"), "the history has both"
    refused = await _dead_letters(system, [step for steps in rounds for step in steps])
    stored = {order["_id"]: await _stored(system, order) for order in await _orders(system)}
    published = await _published(system)
    wrong = {}
    for name, case in CASES.items():
        orders = {key: (stored.pop(key, "nothing"), *published.pop(key, ())) for key in case.orders}
        dead_letters = refused.pop(name, [])
        if orders != case.orders or not _match(dead_letters, case.dead_letters):
            wrong[name] = Case(orders, dead_letters)
    assert wrong == {}, repr(wrong)
    assert (stored, published, refused) == ({}, {}, {}), "no case says anything of these"


def _match(dead_letters: Sequence[str], patterns: Sequence[str]) -> bool:
    return len(dead_letters) == len(patterns) and all(
        re.fullmatch(pattern, dead_letter)
        for pattern, dead_letter in zip(patterns, dead_letters, strict=True)
    )


async def _orders(system: System) -> Sequence[Any]:
    return [order async for order in system.db.amazon_orders.find({})]


async def _stored(system: System, order: Any) -> str:
    """Say what became of an order, and of its Commerce order what is stored."""
    outcome = order["import"]
    if outcome["state"] != "created":
        reasons = [one if isinstance(one, str) else _blocker(one) for one in outcome["reasons"]]
        return f"{outcome['state']}: {', '.join(reasons)}"
    commerce = await system.db.commerce_orders.find_one({"_id": outcome["commerce_order_id"]})
    reserved = ", ".join(
        sorted(
            f"{reservation['quantity']} {reservation['sku']}"
            for reservation in commerce["reservations"]
        )
    )
    charges = [one for line in commerce["lines"] for one in line.get("charges", ())]
    return f"{commerce['status']} {_whole(commerce | {'charges': charges})}; holds " + (
        reserved or "nothing"
    )


async def _published(system: System) -> dict[str, tuple[str, ...]]:
    """Say what was published of each order, in its order."""
    told: dict[str, list[str]] = defaultdict(list)
    for event in sorted(await system.events(), key=lambda event: int(event["sequence"])):
        told[f"{event['store_id']}/{event['amazon_order_id']}"].append(_in_words(event))
    return {key: tuple(words) for key, words in told.items()}


def _in_words(event: Mapping[str, Any]) -> str:
    match event["event_type"]:
        case "CommerceOrderCreated":
            return f"created {_whole(event)}"
        case "CommerceOrderStatusChanged":
            return f"{event['from']} to {event['to']}"
        case "CommerceOrderAmended":
            changed = ", ".join(_change(one) for one in event["changes"])
            return f"amended {_whole(event)}: {changed}"
        case "CommerceOrderCancellationRequested":
            return f"cancellation of {', '.join(event['order_item_ids'])} requested"
        case "OrderImportBlocked":
            return f"blocked: {', '.join(sorted(map(_blocker, event['blockers'])))}"
        case "OrderImportReleased":
            return "released"
        case _:
            state = event["event_type"].removeprefix("OrderImport").lower()
            return f"{state}: {event['reason']}"


def _whole(order: Mapping[str, Any]) -> str:
    """Say what an order is: total, lines, charges, what they leave, and what else belongs to it."""
    charges = [f", {one['kind']} {_amount(one['amount'])}" for one in order["charges"]]
    if (unexplained := order.get("unexplained")) is not None:
        charges.append(f", unexplained {unexplained}")
    more = " ".join([*order.get("programs", ()), order.get("purchase_order_number") or ""]).strip()
    lines = _lines(order["lines"]) + "".join(charges)
    return f"{_amount(order.get('total'))}: {lines}" + (f"; {more}" if more else "")


def _lines(lines: Sequence[Mapping[str, Any]]) -> str:
    words = [
        f"{line['quantity']} {_stands_for(line)} {_amount(line.get('price'))}"
        + (f" tax {_amount(line['tax'])}" if line.get("tax") else "")
        + _collected(line.get("tax_collection"))
        for line in lines
    ]
    return ", ".join(sorted(words))


def _collected(collection: Mapping[str, Any] | None) -> str:
    """Say who collects the tax of a line, and how."""
    names = ("model", "responsible_party", "scheme", "ioss_number")
    words = [collection[name] for name in names if collection.get(name)] if collection else []
    return f" collected by {' '.join(words)}" if words else ""


def _stands_for(line: Mapping[str, Any]) -> str:
    parts = (f"{one['quantity']} {one['sku']}" for one in line.get("components", ()))
    return line.get("sku") or f"of {' and '.join(parts)}"


def _change(change: Mapping[str, Any]) -> str:
    line = "" if change["order_item_id"] is None else f"{change['order_item_id']} "
    before, now = (_amount(value) for value in (change["from"], change["to"]))
    return f"{line}{change['field']} {before} to {now}"


def _blocker(blocker: Mapping[str, Any]) -> str:
    similar = blocker.get("similar_sku")
    hint = "" if similar is None else f" (the catalog has {similar})"
    return f"{blocker['code']} {blocker['sku']}{hint}"


def _amount(value: Any) -> str:
    return str(value["amount"] if isinstance(value, Mapping) else value)


async def _dead_letters(system: System, steps: Sequence[Step]) -> dict[str, list[str]]:
    """Say what was refused of each case."""
    cases = {message.value: step.case for step in steps for message in step.messages}
    refused: dict[str, list[str]] = defaultdict(list)
    for dead_letter in await system.dead_letters():
        refused[cases[dead_letter.value]].append(f"{dead_letter.code}: {dead_letter.message}")
    return {case: sorted(dead_letters) for case, dead_letters in refused.items()}
