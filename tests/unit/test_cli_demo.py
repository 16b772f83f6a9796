"""The demo's traffic follows from its day alone, and is accepted wherever it should be."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from handlers.payloads import read_payload
from models.amazon_order import AmazonStatus
from models.messages import DeadLetterCode
from models.topics import TopicName
from order_import.devtools.demo.catalog import Catalog, make_stores
from order_import.devtools.demo.orders import Change, Day, DemoOrder, Format
from order_import.devtools.demo.payloads import first_messages, polled_messages
from order_import.devtools.demo.traffic import make_phases

DAY = datetime(2025, 11, 28, tzinfo=UTC)
ASKED = datetime(2025, 11, 29, tzinfo=UTC)


def test_the_same_day_is_the_same_traffic() -> None:
    first = make_phases(DAY, ASKED, with_poison=True)
    assert first == make_phases(DAY, ASKED, with_poison=True)
    orders = Day(DAY, make_stores(DAY), Catalog(DAY)).orders()
    assert len({order.order_id for order in orders}) == len(orders)
    assert 350 <= len(orders) <= 500
    assert {order.format for order in orders} == set(Format)
    assert {order.change for order in orders} == {None, *Change}
    waiting = [
        order for order in orders if order.status == "Pending" and order.change is Change.PAID
    ]
    unpaid, paid = polled_bodies(waiting[0])
    assert "ItemPrice" not in unpaid
    assert "OrderTotal" not in unpaid
    assert "ItemPrice" in paid
    assert "OrderTotal" in paid


def polled_bodies(order: DemoOrder) -> tuple[str, str]:
    """Return the first messages of an order, and those of a later poll."""
    paid = replace(order, status=AmazonStatus.UNSHIPPED)
    return str(first_messages(order)), str(polled_messages(paid, ASKED))


def test_the_catalog_has_two_hundred_products() -> None:
    products = Catalog(DAY).products()
    assert len({product.sku for product in products}) == 200


def test_only_the_poison_is_refused() -> None:
    def refused(*, with_poison: bool) -> Counter[str]:
        return Counter(
            refusal.code
            for phase in make_phases(DAY, ASKED, with_poison=with_poison)
            for message in phase.messages
            if message.topic == TopicName.ORDERS
            and (refusal := read_payload(message.value).refusal) is not None
        )

    assert refused(with_poison=False) == {}
    # Which store an order belongs to is asked later, in the import policy.
    assert refused(with_poison=True) == {
        DeadLetterCode.MALFORMED_JSON: 1,
        DeadLetterCode.UNKNOWN_PAYLOAD: 1,
        DeadLetterCode.INVALID_ORDER: 1,
        DeadLetterCode.TOO_LARGE: 1,
    }
