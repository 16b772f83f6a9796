"""What a campaign left behind, read for the checker. Nothing of the product is imported."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from bson import json_util

Document = dict[str, Any]
_AWARE = json_util.JSONOptions(tz_aware=True)

OUT = ("commerce.orders", "amazon.orders.blocked", "amazon.orders.not-imported")
READ = (
    "amazon.orders",
    "commerce.stores",
    "commerce.products",
    "commerce.stock",
    "commerce.listings",
    "commerce.order-updates",
    "order-import.commands",
)


class Message(NamedTuple):
    """A message as it is on Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    life: int

    @property
    def place(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def body(self) -> Document:
        """The value as a JSON object, an empty one where it is none."""
        try:
            read = json.loads(self.value or b"")
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}


@dataclass(frozen=True)
class Evidence:
    """All files of a directory."""

    directory: Path

    @cached_property
    def sent(self) -> list[Document]:
        return list(_lines(self.directory / "sent.jsonl"))

    @cached_property
    def samples(self) -> list[Document]:
        path = self.directory / "samples.jsonl"
        return list(_lines(path)) if path.exists() else []

    @cached_property
    def ends(self) -> dict[str, int]:
        told: dict[str, int] = json.loads((self.directory / "ends.json").read_text())
        return told

    @cached_property
    def topics(self) -> dict[str, list[Message]]:
        """Messages by topic, in the order of their partitions' logs."""
        found: dict[str, list[Message]] = defaultdict(list)
        for line in _lines(self.directory / "topics.jsonl"):
            found[line["topic"]].append(
                Message(
                    line["topic"],
                    line["partition"],
                    line["offset"],
                    _bytes(line["key"]),
                    _bytes(line["value"]),
                    {name: _bytes(value) or b"" for name, value in line["headers"]},
                    line.get("life", 0),
                )
            )
        for messages in found.values():
            messages.sort(key=lambda one: (one.life, one.partition, one.offset))
        return found

    @cached_property
    def database(self) -> dict[str, dict[Any, Document]]:
        """Documents by collection and `_id`, products with their units in the stock `default`."""
        found: dict[str, dict[Any, Document]] = defaultdict(dict)
        with (self.directory / "mongo.jsonl").open() as lines:
            for line in lines:
                read = json_util.loads(line, json_options=_AWARE)
                found[read["collection"]][read["document"]["_id"]] = read["document"]
        for item in found["stock_items"].values():
            if item["stock_id"] == "default" and item["sku"] in found["products"]:
                found["products"][item["sku"]] |= {
                    name: item[name] for name in ("salable_quantity", "reserved") if name in item
                }
        return found

    @cached_property
    def dead_letters(self) -> dict[str, list[Message]]:
        """Dead letters on Kafka by the place of the message that was refused."""
        found: dict[str, list[Message]] = defaultdict(list)
        for message in self.topics["order-import.dead-letter"]:
            place = b":".join(
                message.headers.get(f"__connect.errors.{name}", b"?")
                for name in ("topic", "partition", "offset")
            )
            found[place.decode()].append(message)
        return found

    def plain(self, name: str) -> str:
        """A topic's name, or a place in it, without the prefix of the installation."""
        for topic in sorted(READ, key=len, reverse=True):
            at = name.find(topic + ":")
            if at >= 0:
                return name[at:]
        return name


def _lines(path: Path) -> Iterator[Document]:
    with path.open() as lines:
        for line in lines:
            yield json.loads(line)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
