"""Rubbish by seed: every kind of message that is read, changed in its bytes, values, key, headers.

Each goes the worker's way: read, decided in a transaction, encoded for Kafka and for MongoDB. It
must be taken, or become a dead letter with a code and with all its bytes; never an exception.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import bson

from handlers.unit_of_work import UnitOfWork
from models.checkpoint import Checkpoint
from models.dead_letters import DeadLetter
from models.messages import DeadLetterCode, TopicPartition
from models.topics import TopicName
from order_import.devtools.contract.messages import read_examples
from storage.documents.checkpoint import reference_to_document
from storage.mongo.bulk_write import operations
from storage.port import Transaction
from streams.app import HANDLERS
from streams.messages import encode
from tests.builders import NOW, SOURCE, Message
from tests.fakes.memory import MemoryStorage

TOPICS: Mapping[str, TopicName] = {
    "OrderDocument": TopicName.ORDERS,
    "OrdersApiV0Order": TopicName.ORDERS,
    "OrdersApiV0Details": TopicName.ORDERS,
    "OrdersApi2026Order": TopicName.ORDERS,
    "OrderChangeNotification": TopicName.ORDERS,
    "OrderStatusChangeNotification": TopicName.ORDERS,
    "NotificationEnvelope": TopicName.ORDERS,
    "Store": TopicName.STORES,
    "Product": TopicName.PRODUCTS,
    "ProductDeleted": TopicName.PRODUCTS,
    "Listing": TopicName.LISTINGS,
    "ListingRemoved": TopicName.LISTINGS,
    "OrderUpdate": TopicName.ORDER_UPDATES,
    "Recheck": TopicName.COMMANDS,
    "Sync": TopicName.COMMANDS,
    "ReplayStep": TopicName.COMMANDS,
}
ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.1, 1e308, -1e-308,
    float("nan"), float("inf"), "", " ", "0", "x", "\0", "a\0b", "\ud800", "\U0010ffff", "a/b", "/",
    "$set", "a.b", "__proto__", "null", "NaN", "1e999", "-0", "0x10", "9" * 400, "x" * 5000,
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-14:00", "2026-02-30T00:00:00Z",
    "1764000000",
    "2026-11-23T09:15:00", "٣", "harbor-us", "MUG-BLUE", "Canceled", "MFN", [], {}, [[]], [None],
    [{}], {"": None}, {"$set": 1}, {"amount": "NaN", "currency": "USD"},
    {"amount": "1" * 40, "currency": "USD"}, {"Amount": "1e5", "CurrencyCode": "EUR"},
)  # fmt: skip
ODD_HEADERS: Sequence[tuple[str, bytes | None]] = (
    ("store-id", b""), ("store-id", b"\xff\xfe"), ("store-id", None), ("store-id", b"a/b"),
    ("store-id", b"\0"), ("store-id", b"nobody"), ("store-id", b"x" * 70_000), ("", b""),
    ("traceparent", b"00-zz"), ("traceparent", b"\xff"), ("traceparent", None),
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", b"a=1"), ("tracestate", b"\xff"), ("tracestate", b"a" * 9000),
    ("error-code", b"malformed-json"), ("__connect.errors.topic", b"elsewhere"), ("ce_id", b"1"),
    ("h" * 10_000, b"\0" * 10_000),
)  # fmt: skip
ODD_KEYS: Sequence[bytes | None] = (
    None, b"", b"\xff\xfe\0", b"/", b"a/b/c", b"x" * 100_000, b"product:", b"harbor-us/", b"\n",
)  # fmt: skip


class Input(NamedTuple):
    """A message, and the topic it comes on."""

    topic: TopicName
    message: Message


class Fuzzed(NamedTuple):
    """What became of some messages: seconds of CPU for each, dead letters, and what was wrong."""

    seconds: list[float]
    dead_letters: int
    violations: list[str]


def inputs(seed: int, count: int) -> list[Input]:
    """Make messages at random; one in ten is as it should be."""
    chance = Random(seed)
    return [_input(chance, offset) for offset in range(count)]


def fuzz(seed: int, count: int) -> Fuzzed:
    """Make messages at random and have them decided, one after the other."""
    return asyncio.run(_fuzz(inputs(seed, count)))


async def _fuzz(given: Sequence[Input]) -> Fuzzed:
    storage, result = MemoryStorage(), Fuzzed([], 0, [])
    checkpoints: dict[str, Checkpoint] = {}
    dead_letters = 0
    for topic, message in given:
        source = TopicPartition(topic, 0)
        before = checkpoints.get(topic, Checkpoint(source, 0))
        began = time.thread_time()
        try:
            after = await _decide(storage, before, message)
            checkpoints[topic] = after
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            result.violations.append(f"{error!r:.200} of {topic} {message!r:.2000}")
            continue
        finally:
            result.seconds.append(time.thread_time() - began)
        refused = [one for one in after.outbox if isinstance(one, DeadLetter)]
        dead_letters += len(refused)
        wrong = _wrong(message, refused)
        if wrong:
            result.violations.append(f"{wrong}: {topic} {message!r:.2000}")
    return result._replace(dead_letters=dead_letters)


async def _decide(storage: MemoryStorage, before: Checkpoint, message: Message) -> Checkpoint:
    """Do as a processor does; also what the publisher and the database's driver do with it."""
    handler = HANDLERS[TopicName(before.source.topic)]
    unit_of_work = UnitOfWork(before.source.topic, NOW)

    async def work(transaction: Transaction) -> None:
        await handler.handle(handler.parse([message]), unit_of_work, transaction)
        await transaction.write(unit_of_work.take_changes())

    await storage.transact(work)
    after = before.moved(message.offset + 1, tuple(unit_of_work.outgoing))
    for one in unit_of_work.outgoing:
        encode(one, SOURCE)
    for operation in operations(unit_of_work.take_changes(), [(before, after)], "d", {}):
        for document in (getattr(operation, "_doc", None), getattr(operation, "_filter", None)):
            bson.encode(document or {})
    bson.encode({"outbox": [reference_to_document(one) for one in after.outbox]})
    return after


def _wrong(message: Message, dead_letters: Sequence[DeadLetter]) -> str | None:
    if len(dead_letters) > 1:
        return "more than one dead letter"
    for dead_letter in dead_letters:
        if dead_letter.code not in set(DeadLetterCode) or not dead_letter.message:
            return "a dead letter without a reason"
        if (dead_letter.key, dead_letter.value, dead_letter.headers) != (
            message.key, message.value, tuple(message.headers),
        ):  # fmt: skip
            return "a dead letter with other bytes"
    return None


def _input(chance: Random, offset: int) -> Input:
    name = chance.choice(list(TOPICS))
    example = read_examples()[name]
    payload = example.payload
    key: bytes | None = example.key.encode()
    headers: list[tuple[str, Any]] = [
        (header, value.encode()) for header, value in example.headers.items()
    ]
    value = None if payload is None else _value(payload, chance)
    if chance.random() < 0.15:
        key = chance.choice((*ODD_KEYS, chance.randbytes(chance.randrange(40))))
    while chance.random() < 0.25:
        headers.append(chance.choice(ODD_HEADERS))
    return Input(TOPICS[name], Message(offset, value, key, tuple(headers)))


def _value(payload: Any, chance: Random) -> bytes | None:
    kind = chance.randrange(10)
    if kind <= 5:
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8)) if kind else 0):
            payload = _changed(json.loads(json.dumps(payload)), chance)
        return _enveloped(json.dumps(payload), chance).encode()
    if kind <= 8:
        return _broken(json.dumps(payload).encode(), chance)
    return _generated(chance)


def _changed(payload: Any, chance: Random) -> Any:
    """Put something odd in a random place, or take it away, double it, or give it another name."""
    if not isinstance(payload, dict | list) or not payload or chance.random() < 0.08:
        return chance.choice(ODD)
    place = chance.choice(list(payload) if isinstance(payload, dict) else range(len(payload)))
    if chance.random() < 0.6:
        payload[place] = _changed(payload[place], chance)
    elif isinstance(payload, list):
        payload += [payload[place]] * chance.choice((1, 2, 300))
    elif chance.random() < 0.5:
        del payload[place]
    else:
        payload[chance.choice((place.swapcase(), place + "\0", "$" + place, ""))] = payload[place]
    return payload


def _enveloped(text: str, chance: Random) -> str:
    """Put a message into envelopes of AWS, or encode it once more; mostly neither."""
    while chance.random() < 0.1:
        name = chance.choice(("detail", "Message", "body", "Body", "Sns", "Records", ""))
        if name == "Records":
            text = f'{{"Records": [{", ".join([text] * chance.choice((1, 1, 2, 30)))}]}}'
        elif chance.random() < 0.5:
            text = f'{{"{name}": {text}}}'
        else:
            text = json.dumps(text) if name == "" else json.dumps({name: text})
    return "\ufeff" + text if chance.random() < 0.1 else text


def _broken(text: bytes, chance: Random) -> bytes:
    at, to = sorted(chance.choices(range(len(text) + 1), k=2))
    return chance.choice((
        text[:at],
        text[:at] + text[to:],
        text[:to] + text[at:],
        text[:at] + chance.randbytes(chance.randrange(1, 9)) + text[at:],
        text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :],
        b"\xef\xbb\xbf" + text,
        text.decode().encode("utf-16"),
        json.dumps(text.decode()).encode(),
        b'{"store_id": "x", ' + text[1:],
        text * 2,
        text.replace(b" ", b"\\ud83c"),
        text.replace(b'",', b'\\udf89",'),
        text.replace(b'",', b'\xf0\x9f\x8e",'),
        text.replace(b"-", b"\xed\xa0\xbc"),
    ))  # fmt: skip


def _generated(chance: Random) -> bytes:
    depth = chance.choice((3, 100, 20_000))
    return chance.choice((
        b"",
        b"null",
        chance.randbytes(chance.randrange(200)),
        b"[" * depth,
        b"[" * depth + b"]" * depth,
        b'{"a":' * depth + b"1" + b"}" * depth,
        json.dumps([chance.choice(ODD) for _ in range(20)]).encode(),
        b'{"amazon_order_id": "' + b"9" * 50_000 + b'"}',
        b'{"items": [' + b"{}," * 20_000 + b"{}]}",
        b'{"detail":' * depth + b"1" + b"}" * depth,
        b'{"Records": [' + b"1," * depth + b"1]}",
        b'{"title": "' + b"\\ud83c" * depth + b'"}',
        b" " * 1_000_001,
        b"1" * 100_000,
    ))  # fmt: skip
