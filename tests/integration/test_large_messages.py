"""Pages of very many orders, and very large orders, cost no restart and no memory to speak of.

`LARGE=1` has 150 pages of 100 orders, one page of 17,000 and 300 large orders.
"""

import os
from pathlib import Path

from models.topics import TopicName
from tests.integration.kit import System
from tests.integration.wire import Document, item, order, product, store

FULL = os.environ.get("LARGE") == "1"
PAGES, OF_ONE_PAGE, LARGE, LINES = (150, 17_000, 300, 900) if FULL else (15, 2_500, 15, 300)
MEMORY_MB = 700
"""More than a worker ever has. All that is sent here takes several times as much, once read."""


def page(first: int, count: int) -> Document:
    """A page of orders that wait for nearly everything, so that very many fit in one message."""
    orders = [{"AmazonOrderId": f"{first + n}", "OrderStatus": "Pending"} for n in range(count)]
    return {"payload": {"Orders": orders}}


async def test_pages_of_very_many_orders_and_large_orders_are_all_decided(system: System) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product(salable_quantity=10_000_000))
    pages = [page(100 * number, 100) for number in range(PAGES)]
    lines = [item(order_item_id=f"line-{number}") for number in range(LINES)]
    large = [order(number, items=lines) for number in range(LARGE)]
    many = PAGES * 100 + OF_ONE_PAGE
    async with system.worker() as worker:
        await system.publish(TopicName.ORDERS, *pages, page(1_000_000, OF_ONE_PAGE), store="us")
        await system.publish(TopicName.ORDERS, *large)

        async def is_decided() -> bool:
            states = await system.states()
            return states == {"waiting": many, "created": LARGE}

        await system.eventually(is_decided, "all orders are decided")
        peak = _peak_mb(worker.process.pid)
        assert worker.process.returncode is None
    assert peak < MEMORY_MB, f"{peak} MB"
    assert await system.db.dead_letters.count_documents({}) == 0
    log = worker.log.read_text()
    assert "storage-unavailable" not in log, log[-2000:]
    assert "transaction-too-large" not in log, log[-2000:]


def _peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [one for one in status.splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) // 1024
