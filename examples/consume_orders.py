"""Keep all Commerce orders in a database of your own, orders.db. Ctrl-C stops it."""

import asyncio
import os
import sqlite3

from order_import_client import (
    CommerceOrderAmended,
    CommerceOrderCreated,
    CommerceOrderStatusChanged,
    Event,
    Once,
    SqlStore,
)
from order_import_client.kafka import consume

db = sqlite3.connect("orders.db")
db.execute("CREATE TABLE IF NOT EXISTS orders (id PRIMARY KEY, status, total)")


async def save(event: Event, cursor: sqlite3.Cursor) -> None:
    if isinstance(event, CommerceOrderCreated):
        row = (event.commerce_order_id, event.status, str(event.sum_of_parts))
        cursor.execute("INSERT INTO orders VALUES (?, ?, ?)", row)
    elif isinstance(event, CommerceOrderAmended):
        change = (str(event.sum_of_parts), event.commerce_order_id)
        cursor.execute("UPDATE orders SET total=? WHERE id=?", change)
    elif isinstance(event, CommerceOrderStatusChanged):
        cursor.execute("UPDATE orders SET status=? WHERE id=?", (event.to, event.commerce_order_id))


servers = os.environ["ORDER_IMPORT_KAFKA_BOOTSTRAP_SERVERS"]
prefix = os.environ.get("ORDER_IMPORT_TOPIC_PREFIX", "")
once = Once(SqlStore(db), save)
asyncio.run(consume(once, bootstrap_servers=servers, group_id=prefix + "shop", prefix=prefix))
