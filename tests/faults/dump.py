"""Writes down all that is left: every message of every topic, every document, raw."""

import base64
import json
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from bson import json_util
from pymongo import AsyncMongoClient

_COLLECTIONS = (
    "stores",
    "products",
    "stock_items",
    "listings",
    "amazon_orders",
    "commerce_orders",
    "events",
    "dead_letters",
    "checkpoints",
    "replays",
    "replay_parts",
    "replay_results",
)


async def dump_topics(bootstrap: str, prefix: str, directory: Path, life: int = 0) -> None:
    """Add the topics of an installation to `topics.jsonl`, and write `ends.json`."""
    consumer = AIOKafkaConsumer(
        *await _names(bootstrap, prefix),
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        told = {f"{tp.topic.removeprefix(prefix)}:{tp.partition}": ends[tp] for tp in partitions}
        (directory / "ends.json").write_text(json.dumps(told))
        await consumer.seek_to_beginning()
        with (directory / "topics.jsonl").open("a") as out:
            left = {tp for tp in partitions if ends[tp]}
            while left:
                for tp, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                    for record in records:
                        line = _message(record, tp.topic.removeprefix(prefix), life)
                        out.write(json.dumps(line) + "\n")
                left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()


async def _names(bootstrap: str, prefix: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return [name for name in await admin.list_topics() if name.startswith(prefix)]
    finally:
        await admin.close()


async def dump_database(url: str, database: str, directory: Path) -> None:
    """Write `mongo.jsonl`."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url, tz_aware=True)
    try:
        with (directory / "mongo.jsonl").open("w") as out:
            for name in _COLLECTIONS:
                async for document in client[database][name].find({}):
                    line = {"collection": name, "document": document}
                    out.write(json_util.dumps(line) + "\n")
    finally:
        await client.close()


def _message(record: Any, topic: str, life: int) -> dict[str, Any]:
    return {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "life": life,
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
