"""The oracle: what an order may have been, whichever of its partitions was decided first."""

import json

from tests.faults.evidence import Message
from tests.faults.oracle import tell


def order(status: str, partition: int, offset: int, at: str) -> Message:
    item = {"order_item_id": "1", "seller_sku": "A", "quantity": 1}
    body = {
        "store_id": "us",
        "amazon_order_id": "1",
        "status": status,
        "last_update_date": at,
        "items": [item],
        "buyer_requested_cancel": None,
    }
    value = json.dumps(body).encode()
    return Message("amazon.orders", partition, offset, b"1", value, {}, 0)


PENDING = order("Pending", 2, 0, "2026-11-01T00:00:00Z")
READY = order("Unshipped", 2, 1, "2026-11-01T00:01:00Z")
CANCELED = order("Canceled", 2, 2, "2026-11-01T00:02:00Z")
CANCELED_AGAIN = order("Canceled", 1, 0, "2026-11-01T00:02:00Z")


def test_an_order_may_have_been_ready_before_it_was_canceled_on_another_partition() -> None:
    heard = tell([CANCELED_AGAIN, PENDING, READY, CANCELED], set())["us/1"]
    assert heard.status == "Canceled"
    assert heard.ever_ready


def test_an_order_that_was_canceled_first_on_its_partition_was_never_ready() -> None:
    assert not tell([CANCELED, order("Unshipped", 2, 3, "2026-11-01T00:03:00Z")], set())[
        "us/1"
    ].ever_ready
    assert not tell([PENDING, CANCELED, CANCELED_AGAIN], set())["us/1"].ever_ready
