"""What a notification says, to people and to programs, and where its link leads."""

from email import policy
from email.message import EmailMessage
from typing import Any

import pytest

from models.notifications import BlockingCause, Notification, NotificationKind
from models.reasons import BlockerCode
from order_import.notify.channels import Mail, channels_of
from order_import.notify.message import MessageWriter
from order_import.settings import Settings, SettingsError
from tests.builders import NOW, later, money

WRITER = MessageWriter("https://console.example/")


def a_cause(**fields: Any) -> BlockingCause:
    values: dict[str, Any] = {
        "code": BlockerCode.DISABLED,
        "sku": "LAMP",
        "asin": None,
        "orders": 12,
        "value": (money("340.00", "EUR"), money("20.00")),
        "earliest_ship_by": later(20),
    }
    return BlockingCause(**(values | fields))


def a_notification(*causes: BlockingCause, **fields: Any) -> Notification:
    values: dict[str, Any] = {
        "notification_id": "id-1",
        "channel": "mail",
        "kind": NotificationKind.BLOCKED,
        "at": NOW,
        "causes": causes or (a_cause(),),
    }
    return Notification(**(values | fields))


def test_a_cause_is_told_with_count_value_ship_by_remedy_and_one_link() -> None:
    notification = a_notification()
    assert WRITER.title(notification) == (
        "12 orders blocked: The item in the catalog is disabled (LAMP)"
    )
    assert WRITER.text(notification).splitlines() == [
        "Cause: The item in the catalog is disabled (LAMP)",
        "Orders: 12, 340.00 EUR, 20.00 USD",
        "Earliest ship-by: 2026-07-02 08:00 UTC (in 20 h)",
        "Remedy: Enable the product.",
        "",
        "https://console.example/blocked/what-if?code=disabled&sku=LAMP",
        "",
        "As of 2026-07-01 12:00 UTC.",
    ]


@pytest.mark.parametrize(
    ("kind", "cause", "title"),
    [
        ("more", {}, "Now 12 orders blocked: "),
        ("ship-by", {}, "Ship-by date in 20 h, 12 orders blocked: "),
        ("ship-by", {"earliest_ship_by": NOW}, "Ship-by date has passed, 12 orders blocked: "),
        ("blocked", {"orders": 1}, "1 order blocked: "),
        ("resolved", {"orders": 0}, "Resolved: "),
    ],
)
def test_the_subject_says_why_it_is_sent(kind: str, cause: dict[str, Any], title: str) -> None:
    notification = a_notification(a_cause(**cause), kind=NotificationKind(kind))
    assert WRITER.title(notification).startswith(title)


def test_a_stock_that_is_not_the_only_one_is_named_and_asked_about() -> None:
    cause = a_cause(code=BlockerCode.OUT_OF_STOCK, stock_id="south")
    assert WRITER.title(a_notification(cause)).endswith("is out of stock (LAMP, stock south)")
    link = WRITER.link(a_notification(cause))
    assert link.endswith("/blocked/what-if?code=out-of-stock&sku=LAMP&stock=south")


def test_a_digest_lists_its_causes_each_with_its_link() -> None:
    causes = (
        a_cause(),
        a_cause(orders=0, sku="MUG"),
        a_cause(sku=None, asin="B01", code=BlockerCode.NOT_IN_CATALOG, value=()),
    )
    digest = a_notification(*causes, kind=NotificationKind.DIGEST, more=7)
    assert WRITER.title(digest) == "10 causes of blocked orders"
    lines = WRITER.text(digest).splitlines()
    assert lines[:2] == [
        (
            "- 12 orders, 340.00 EUR, 20.00 USD, ship by 2026-07-02 08:00 UTC: "
            "The item in the catalog is disabled (LAMP)"
        ),
        "  https://console.example/blocked/what-if?code=disabled&sku=LAMP",
    ]
    assert "- Resolved: The item in the catalog is disabled (MUG)" in lines
    assert (
        "  https://console.example/orders?sort=ship-by&state=blocked&reason=not-in-catalog"
        "&product=-&asin=B01"
    ) in lines
    assert "and 7 causes more" in lines
    assert "All blocked orders: https://console.example/blocked" in lines


def test_a_program_gets_the_same_as_fields() -> None:
    told: Any = WRITER.to_json(a_notification(a_cause(similar_sku="lamp")))
    assert (told["id"], told["kind"], told["at"]) == ("id-1", "blocked", "2026-07-01T12:00:00Z")
    assert told["text"].startswith(told["title"])
    assert told["causes"] == [
        {
            "code": "disabled",
            "sku": "LAMP",
            "asin": None,
            "stock_id": None,
            "similar_sku": "lamp",
            "reason": "The item in the catalog is disabled",
            "remedy": "Enable the product.",
            "orders": 12,
            "value": [
                {"amount": "340.00", "currency": "EUR"},
                {"amount": "20.00", "currency": "USD"},
            ],
            "earliest_ship_date": "2026-07-02T08:00:00Z",
            "link": told["link"],
        }
    ]


def test_a_hostile_sku_adds_no_header_and_no_parameter() -> None:
    sku = "X\r\nBcc: a@b.example&sku=Y \u202e"
    settings = Settings(
        notify_smtp_host="mail.example",
        notify_smtp_from="a@a.example",
        notify_smtp_to="b@b.example",
    )
    message: EmailMessage = Mail(settings, WRITER)._message(a_notification(a_cause(sku=sku)))
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]
    assert b"\nBcc" not in message.as_bytes(policy=policy.SMTP)
    link = WRITER.link(a_notification(a_cause(sku=sku)))
    assert link.endswith("?code=disabled&sku=X%0D%0ABcc%3A+a%40b.example%26sku%3DY+%E2%80%AE")


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, "ORDER_IMPORT_NOTIFY_WEBHOOK_URL or ORDER_IMPORT_NOTIFY_SMTP_HOST"),
        ({"notify_webhook_url": "hooks.example/s3cret"}, "ORDER_IMPORT_NOTIFY_WEBHOOK_URL: exp"),
        ({"notify_webhook_url": "file:///s3cret"}, "ORDER_IMPORT_NOTIFY_WEBHOOK_URL: expected"),
        ({"notify_webhook_url": "https://a:99999/s3cret"}, "ORDER_IMPORT_NOTIFY_WEBHOOK_URL: exp"),
    ],
)
def test_wrong_channels_are_refused_without_telling_the_address(
    settings: dict[str, Any], names: str
) -> None:
    with pytest.raises(SettingsError, match=names) as caught:
        channels_of(Settings(**settings))
    assert "s3cret" not in str(caught.value)
