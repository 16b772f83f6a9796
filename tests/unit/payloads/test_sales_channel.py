"""Where an order was sold, in the words of each format (rule 21)."""

from typing import Any

import pytest

from models.amazon_order import SalesChannel
from models.messages import DeadLetterCode

from .support import order_of, refused, sample

AMAZON, OTHER = SalesChannel.AMAZON, SalesChannel.NON_AMAZON


def v0(**changes: Any) -> dict[str, Any]:
    return {"payload": sample("v0_order")["payload"] | changes}


def of_2026(channel: object) -> dict[str, Any]:
    message = sample("2026_order")
    message["order"]["salesChannel"] = channel
    return message


@pytest.mark.parametrize(
    ("written", "sold_on"),
    [
        ("Amazon.com", AMAZON),
        ("Amazon.co.uk", AMAZON),
        ("Site of another name", AMAZON),
        ("Non-Amazon", OTHER),
        ("Non-Amazon US", OTHER),
        ("Non-Amazon-DE", OTHER),
        ("non-amazon", OTHER),
        ("NON-AMAZON", OTHER),
        (" Non-Amazon ", OTHER),
        ("Non Amazon", OTHER),
        ("NON_AMAZON", OTHER),
        ("Non\N{NON-BREAKING HYPHEN}Amazon", OTHER),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_rule_21_the_sales_channel_of_v0_is_amazon_unless_it_begins_with_non_amazon(
    written: str | None, sold_on: SalesChannel | None
) -> None:
    assert order_of(v0(SalesChannel=written)).sales_channel is sold_on


@pytest.mark.parametrize(
    ("channel", "sold_on"),
    [
        ({"channelName": "AMAZON"}, AMAZON),
        ({"channelName": "Amazon"}, AMAZON),
        ({"channelName": "NON_AMAZON"}, OTHER),
        ({"channelName": "non-amazon"}, OTHER),
        ({"channelName": "SOME_SHOP"}, OTHER),
        ({"channelName": "AMAZON_SHIPS_IT"}, OTHER),
        ({"channelName": ""}, None),
        ({"channelName": None}, None),
        ({"marketplaceId": "ATVPDKIKX0DER"}, None),
        (None, None),
    ],
)
def test_rule_21_every_channel_name_of_2026_but_amazon_is_another(
    channel: dict[str, str | None] | None, sold_on: SalesChannel | None
) -> None:
    assert order_of(of_2026(channel)).sales_channel is sold_on


@pytest.mark.parametrize(
    ("written", "sold_on"),
    [
        ("Amazon", AMAZON),
        ("AMAZON", AMAZON),
        ("Amazon.de", AMAZON),
        ("Non-Amazon", OTHER),
        ("NON_AMAZON", OTHER),
        ("non-amazon US", OTHER),
        ("", None),
        (None, None),
    ],
)
def test_rule_21_a_document_names_its_sales_channel_as_amazon_does(
    written: str | None, sold_on: SalesChannel | None
) -> None:
    document = sample("document") | {"sales_channel": written}
    assert order_of(document).sales_channel is sold_on


@pytest.mark.parametrize("written", ["eBay", "our shop", "not Amazon"])
def test_a_sales_channel_that_may_be_either_is_refused_in_a_document(written: str) -> None:
    assert refused(sample("document") | {"sales_channel": written}) == (
        DeadLetterCode.INVALID_ORDER,
        "sales_channel: expected Amazon or Non-Amazon",
    )


def test_a_sales_channel_that_is_no_text_is_named() -> None:
    assert refused(v0(SalesChannel=7))[1] == "payload.SalesChannel: expected a string"
    assert refused(of_2026({"channelName": []}))[1] == (
        "order.salesChannel.channelName: expected a string"
    )


def test_a_notification_tells_no_sales_channel() -> None:
    change = sample("order_change") | {"sales_channel": "Non-Amazon", "SalesChannel": "Non-Amazon"}
    assert order_of(change).sales_channel is None
