"""Asking a server whether it works, in its own protocol."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from order_import.embedded.ports import HOST

_MONGO_TIMEOUT_MS = 2_000


async def kafka_answers(port: int) -> bool:
    """Says whether Kafka listens and counts itself as a live broker."""
    if not await _listens(port):
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=f"{HOST}:{port}")
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"])


async def mongo_answers(port: int, url: str) -> bool:
    """Says whether the server at this port takes commands."""
    if not await _listens(port):
        return False
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
        url, serverSelectionTimeoutMS=_MONGO_TIMEOUT_MS
    )
    try:
        await client.admin.command("ping")
    except PyMongoError:
        return False
    finally:
        await client.close()
    return True


async def _listens(port: int) -> bool:
    """Tries the bare port first: a refused connection then costs no client and no log line."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
