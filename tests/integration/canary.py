"""A buyer like no other, in messages that are odd, wrong or broken."""

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from models.topics import TopicName
from order_import.devtools.contract.messages import read_examples
from tests.builders import Message
from tests.faults.inprocess import fuzz

NAME = "Zyxwanda Kanariewitsch"
EMAIL = "zyxwanda@kanariewitsch.example"
PHONE = "+49 4711 0815 2342"
STREET = "Kanariewitsch-Allee 4711"
SIGNS = ("zyxwanda", "kanariewitsch", "4711 0815 2342", "471108152342")
"""What of the buyer is looked for, in small letters."""

_PERSONAL = ("buyer", "recipient", "ship", "address", "phone", "mail", "name", "city", "line")
_PLAIN = ("storename", "marketplacename", "channelname", "shipservicelevel", "shipdate")
_ORDERS = [kind for kind, topic in fuzz.TOPICS.items() if topic is TopicName.ORDERS]


def signs_in(text: str | bytes | None) -> list[str]:
    """Give what of the buyer is in a text."""
    if text is None:
        return []
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return [sign for sign in SIGNS if sign in plain.lower()]


def messages(seed: int, count: int) -> Iterator[tuple[TopicName, Message]]:
    """Make messages with the buyer in them; hardly one is as it should be."""
    chance = Random(seed)
    for number in range(count):
        kind = chance.choice([*_ORDERS * 3, *fuzz.TOPICS])
        example = read_examples()[kind]
        payload = deepcopy(example.payload)
        if kind in _ORDERS:
            payload = with_buyer(payload, chance)
        if isinstance(payload, dict) and chance.random() < 0.7:
            payload[chance.choice(("note", "buyerInfo", NAME, EMAIL))] = [{"for": NAME}, PHONE]
        value = None if payload is None else _spoiled(payload, chance)
        key: bytes | None = chance.choice(
            (b"k", NAME.encode(), EMAIL.encode(), b"\xff" + NAME.encode())
        )
        headers: list[tuple[str, bytes | None]] = []
        while chance.random() < 0.4:
            headers.append(chance.choice(_HEADERS))
        yield fuzz.TOPICS[kind], Message(number, value, key, tuple(headers))


_HEADERS: tuple[tuple[str, bytes | None], ...] = (
    ("for", NAME.encode()),
    (NAME, b"x"),
    (EMAIL, None),
    ("traceparent", NAME.encode()),
    ("content-type", f"text/plain; for={EMAIL}".encode()),
    ("x", b"\xff\xfe" + NAME.encode()),
)


def with_buyer(value: Any, chance: Random, field: str = "") -> Any:
    """Put the buyer wherever a payload has something of one."""
    plain = field.lower().replace("_", "")
    if isinstance(value, dict):
        return {name: with_buyer(part, chance, name) for name, part in value.items()}
    if isinstance(value, list):
        return [with_buyer(part, chance, field) for part in value]
    is_personal = any(part in plain for part in _PERSONAL) and plain not in _PLAIN
    if isinstance(value, str) and is_personal and "title" not in plain:
        return chance.choice((NAME, EMAIL, PHONE, STREET))
    return value


_NAMES = ("store_id", "name", "sku", "seller_sku", "MarketplaceId", "SellerId")
"""What errors and pages call a thing by: a merchant's own names, and Amazon's."""


def _spoiled(payload: Any, chance: Random) -> bytes | None:
    """Break it, as the fuzz does, or put the buyer where a number, a time or a code belongs."""
    if isinstance(payload, dict) and set(payload) - {*_NAMES} and chance.random() < 0.4:
        name = chance.choice([one for one in payload if one not in _NAMES])
        payload[name] = chance.choice((NAME, [NAME], {"Name": NAME, NAME: 1}, EMAIL))
        return json.dumps(payload).encode()
    return fuzz._value(payload, chance)
