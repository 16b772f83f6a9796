"""`ORDER_CHANGE` and the retired `ORDER_STATUS_CHANGE`."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.payloads import read_payload
from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel, OrderItem
from models.messages import DeadLetterCode

from .support import as_bytes, order_of, refused, sample


def change(**summary: Any) -> dict[str, Any]:
    message: dict[str, Any] = sample("order_change")
    message["Payload"]["OrderChangeNotification"]["Summary"] |= summary
    return message


def changed_at(moment: str | None, event_time: str | None) -> dict[str, Any]:
    message = change() | {"EventTime": event_time}
    message["Payload"]["OrderChangeNotification"]["OrderChangeTrigger"] = {
        "TimeOfOrderChange": moment,
        "ChangeReason": "any",
    }
    return message


def status_change(**changes: Any) -> dict[str, Any]:
    message: dict[str, Any] = sample("order_status_change")
    message["Payload"]["OrderStatusChangeNotification"] |= changes
    return message


def in_lower_camel_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name[:1].lower() + name[1:]: in_lower_camel_case(part) for name, part in value.items()
        }
    return [in_lower_camel_case(part) for part in value] if isinstance(value, list) else value


def test_a_change_announces_and_never_has_all_items_prices_or_an_address() -> None:
    assert order_of(change()) == AmazonOrder(
        amazon_order_id="112-7777777-8888888",
        seller_id="AEXAMPLESELLER",
        marketplace_id="ATVPDKIKX0DER",
        status=AmazonStatus.UNSHIPPED,
        fulfillment_channel=FulfillmentChannel.MFN,
        purchase_date=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        last_update_date=datetime(2026, 11, 20, 9, 59, 58, 500_000, tzinfo=UTC),
        latest_ship_date=datetime(2026, 11, 22, 7, 59, 59, tzinfo=UTC),
        items=(
            OrderItem(
                order_item_id="40000000000001",
                seller_sku="MUG-BLUE",
                quantity=2,
                quantity_shipped=0,
                buyer_requested_cancel=False,
            ),
            OrderItem(order_item_id="40000000000002", seller_sku="POT-1L", quantity=1),
        ),
        items_complete=False,
        items_expected=3,
        buyer_requested_cancel=False,
        programs=("BUSINESS", "PRIME"),
        is_notification=True,
    )


def test_rule_27_the_end_of_the_delivery_window_is_read() -> None:
    told = order_of(change(LatestDeliveryDate="2026-11-25T07:59:59Z"))
    assert told.latest_delivery_date == datetime(2026, 11, 25, 7, 59, 59, tzinfo=UTC)


def test_a_change_encoded_twice_is_the_same_change() -> None:
    twice = as_bytes(json.dumps(change()))

    assert read_payload(twice).orders == (order_of(change()),)


@pytest.mark.parametrize("sku_name", ["sellerSKU", "sellerSku"])
def test_a_change_in_lower_camel_case_is_the_same_change(sku_name: str) -> None:
    text = json.dumps(in_lower_camel_case(change())).replace("sellerSKU", sku_name)

    assert order_of(json.loads(text)) == order_of(change())


@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_dates_are_not_told(blank: str) -> None:
    told = order_of(changed_at(blank, "2026-11-20T10:00:00Z"))
    assert told.last_update_date == datetime(2026, 11, 20, 10, tzinfo=UTC)
    told = order_of(change(PurchaseDate=blank, LatestShipDate=blank))
    assert (told.purchase_date, told.latest_ship_date) == (None, None)
    assert refused(changed_at(None, blank)) == refused(changed_at(None, "soon"))


def test_a_change_of_one_item_is_not_the_whole_order() -> None:
    message = change(
        OrderItems=change()["Payload"]["OrderChangeNotification"]["Summary"]["OrderItems"][:1]
    )
    message["Payload"]["OrderChangeNotification"]["NotificationLevel"] = "OrderItemLevel"

    order = order_of(message)

    assert [item.order_item_id for item in order.items] == ["40000000000001"]
    assert not order.items_complete
    assert order.items_expected == 3


@pytest.mark.parametrize("level", ["OrderLevel", "OrderItemLevel"])
def test_rule_5_a_changes_own_counts_come_before_the_sum_of_its_items(level: str) -> None:
    message = change(NumberOfItemsShipped=1, NumberOfItemsUnshipped=4)
    message["Payload"]["OrderChangeNotification"]["NotificationLevel"] = level

    assert order_of(message).items_expected == 5


@pytest.mark.parametrize(
    ("quantities", "counted"), [([2, 0], 2), ([0, 0], None), ([], None), ([1, 1], 2)]
)
def test_rule_5_a_change_of_all_items_counts_their_pieces(
    quantities: list[int], counted: int | None
) -> None:
    items = [
        {"OrderItemId": str(number), "Quantity": quantity}
        for number, quantity in enumerate(quantities)
    ]

    message = change(OrderItems=items, NumberOfItemsShipped=None)

    assert order_of(message).items_expected == counted

    message["Payload"]["OrderChangeNotification"]["NotificationLevel"] = "OrderItemLevel"

    assert order_of(message).items_expected is None


def test_a_change_is_as_new_as_the_change_else_as_the_event() -> None:
    moment, event_time = "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"

    assert order_of(changed_at(moment, event_time)).last_update_date == datetime(
        2026, 11, 20, 9, tzinfo=UTC
    )
    assert order_of(changed_at(None, event_time)).last_update_date == datetime(
        2026, 11, 20, 10, tzinfo=UTC
    )


def test_an_event_older_than_the_purchase_is_read_as_it_stands() -> None:
    message = change(PurchaseDate="2022-07-13T19:42:04.284Z") | {
        "EventTime": "2020-01-11T00:09:53.109Z"
    }

    assert order_of(message).purchase_date == datetime(2022, 7, 13, 19, 42, 4, 284_000, tzinfo=UTC)


def test_a_notification_that_is_nowhere_dated_is_refused() -> None:
    expected = "expected an ISO 8601 date-time"

    assert refused(changed_at(None, None)) == (
        DeadLetterCode.INVALID_ORDER,
        f"OrderChangeTrigger.TimeOfOrderChange or EventTime: {expected}",
    )
    assert refused(status_change() | {"EventTime": None}) == (
        DeadLetterCode.INVALID_ORDER,
        f"EventTime: {expected}",
    )


def test_a_null_purchase_date_of_a_change_is_not_told() -> None:
    assert order_of(change(PurchaseDate=None)).purchase_date is None


@pytest.mark.parametrize("requested", [True, "true"])
def test_a_cancel_request_of_the_buyer_marks_the_order(requested: object) -> None:
    items = [{"OrderItemId": "1", "Quantity": 1, "IsBuyerRequestedCancel": requested}]

    assert order_of(change(OrderItems=items)).buyer_requested_cancel


def asked(level: str, *marks: bool | None) -> Any:
    """A change the buyer asks for, of items that are marked or not."""
    items = [
        {"OrderItemId": str(n), "Quantity": 1}
        | ({} if mark is None else {"IsBuyerRequestedCancel": mark})
        for n, mark in enumerate(marks)
    ]
    message = change(OrderItems=items)
    message["Payload"]["OrderChangeNotification"] |= {
        "NotificationLevel": level,
        "OrderChangeType": "BuyerRequestedChange",
    }
    return order_of(message)


@pytest.mark.parametrize(
    ("level", "marks", "requested", "of_order"),
    [
        ("OrderLevel", (None, None), [True, True], True),
        ("OrderLevel", (), [], True),
        ("OrderItemLevel", (None,), [True], True),
        ("OrderItemLevel", (), [], None),
        ("OrderLevel", (True, None), [True, None], True),
        ("OrderLevel", (False, None), [False, None], False),
    ],
)
def test_rule_6_a_change_the_buyer_asks_for_that_marks_no_item_is_of_all_its_items(
    level: str,
    marks: tuple[bool | None, ...],
    requested: list[bool | None],
    *,
    of_order: bool | None,
) -> None:
    order = asked(level, *marks)

    assert [item.buyer_requested_cancel for item in order.items] == requested
    assert order.buyer_requested_cancel is of_order


def test_a_change_of_an_unknown_status_without_sku_or_quantity_is_kept() -> None:
    items = [{"OrderItemId": "1", "SellerSKU": "", "Quantity": 0}]

    order = order_of(change(OrderStatus="Reimagined", OrderItems=items))

    assert order.status is AmazonStatus.UNKNOWN
    assert order.items == (OrderItem(order_item_id="1", quantity=0),)


def test_a_change_without_its_summary_is_refused() -> None:
    message = change()
    del message["Payload"]["OrderChangeNotification"]["Summary"]

    assert refused(message) == (
        DeadLetterCode.INVALID_ORDER,
        "Payload.OrderChangeNotification.Summary.OrderStatus: required",
    )


def test_a_wrong_item_of_a_change_is_named_by_its_path() -> None:
    assert refused(change(OrderItems=[{"OrderItemId": "1", "Quantity": "2"}])) == (
        DeadLetterCode.INVALID_ORDER,
        "Payload.OrderChangeNotification.Summary.OrderItems[0].Quantity: expected a whole number",
    )


def test_the_retired_status_change_is_one_item_of_an_order() -> None:
    assert order_of(status_change()) == AmazonOrder(
        amazon_order_id="112-7777777-9999999",
        seller_id="AEXAMPLESELLER",
        marketplace_id="ATVPDKIKX0DER",
        status=AmazonStatus.UNSHIPPED,
        fulfillment_channel=FulfillmentChannel.MFN,
        purchase_date=datetime(2025, 11, 20, 9, 30, 0, 633_000, tzinfo=UTC),
        last_update_date=datetime(2026, 11, 20, 10, 0, 0, 109_000, tzinfo=UTC),
        items=(OrderItem(order_item_id="40000000000009", seller_sku="MUG-BLUE", quantity=45),),
        items_complete=False,
        is_notification=True,
    )


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (1595882000633, datetime(2020, 7, 27, 20, 33, 20, 633_000, tzinfo=UTC)),
        (86_400_000, datetime(1970, 1, 2, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2020-07-27T20:33:20Z", datetime(2020, 7, 27, 20, 33, 20, tzinfo=UTC)),
        (None, None),
    ],
)
def test_epoch_milliseconds_are_milliseconds_however_few(
    written: object, moment: datetime | None
) -> None:
    assert order_of(status_change(PurchaseDate=written)).purchase_date == moment


@pytest.mark.parametrize("written", [10**30, 1.5e12, True, "1595882000633"])
def test_epoch_milliseconds_that_are_none_are_refused(written: object) -> None:
    code, message = refused(status_change(PurchaseDate=written))

    assert code is DeadLetterCode.INVALID_ORDER
    assert message == (
        "Payload.OrderStatusChangeNotification.PurchaseDate: "
        "expected an ISO 8601 date-time or epoch milliseconds"
    )


def test_a_status_that_only_the_retired_notification_has_is_unknown() -> None:
    assert order_of(status_change(OrderStatus="UpComing")).status is AmazonStatus.UNKNOWN


def test_a_status_change_without_an_item_is_of_the_order_alone() -> None:
    message = status_change()
    del message["Payload"]["OrderStatusChangeNotification"]["OrderItemId"]

    assert order_of(message).items == ()


@pytest.mark.parametrize("kind", ["MFN_ORDER_STATUS_CHANGE", "ANY_OFFER_CHANGED", "", None, 1, []])
def test_another_notification_is_unknown_and_told_which_are_accepted(kind: object) -> None:
    assert refused(change() | {"NotificationType": kind}) == (
        DeadLetterCode.UNKNOWN_PAYLOAD,
        "NotificationType: expected ORDER_CHANGE or ORDER_STATUS_CHANGE",
    )


@pytest.mark.parametrize("payload", [None, "x", [], {}, {"OrderChangeNotification": None}])
def test_a_change_without_content_is_refused(payload: object) -> None:
    code, message = refused(change() | {"Payload": payload})

    assert code is DeadLetterCode.INVALID_ORDER
    assert message.startswith("Payload.OrderChangeNotification.AmazonOrderId: required")


@pytest.mark.parametrize("message", [change(), status_change()])
def test_what_a_notification_does_not_tell_is_ignored_in_its_envelope(
    message: dict[str, Any],
) -> None:
    strange = {"total": 5, "buyer": "x", "packages": 1, "items_complete": True}

    assert order_of(message | strange) == order_of(message)
