"""The envelopes of AWS in which Amazon's notifications arrive."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from handlers.payloads import ParseResult
from models.messages import DeadLetterCode

from .support import order_of, read, refused, sample

Envelope = Callable[[Any], dict[str, Any]]
CHANGE = sample("order_change")


def text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content)


def event_bridge(content: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e9e9f3ae-0000-0000-0000-000000000000",
        "detail-type": "ORDER_CHANGE",
        "source": "aws.partner/sellingpartnerapi.amazon.com/A3TH9S8BH6GOGM/test",
        "time": "2026-11-20T10:00:00Z",
        "resources": [],
        "detail": content,
    }


def sns(content: Any) -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": "0b5a7d1e-0000-0000-0000-000000000000",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:orders",
        "Message": text(content),
        "Timestamp": "2026-11-20T10:00:00.000Z",
        "SignatureVersion": "1",
        "MessageAttributes": {"a": {"Type": "String", "Value": "b"}},
    }


def sqs(content: Any) -> dict[str, Any]:
    return {
        "messageId": "059f36b4-0000-0000-0000-000000000000",
        "receiptHandle": "AQEB",
        "body": text(content),
        "attributes": {"SentTimestamp": "1545082649183"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


def received(content: Any) -> dict[str, Any]:
    return {"MessageId": "059f36b4", "ReceiptHandle": "AQEB", "Body": text(content)}


def sns_record(content: Any) -> dict[str, Any]:
    return {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns(content)}


def lambda_event(*records: Any) -> dict[str, Any]:
    return {"Records": list(records)}


ENVELOPES: list[Envelope] = [event_bridge, sns, sqs, received, sns_record, lambda_event]


@pytest.mark.parametrize("outer", [None, *ENVELOPES])
@pytest.mark.parametrize("inner", [*ENVELOPES, json.dumps])
def test_a_notification_is_read_out_of_its_envelopes(outer: Envelope | None, inner: Any) -> None:
    message = inner(CHANGE) if outer is None else outer(inner(CHANGE))

    assert order_of(message) == order_of(CHANGE)


def test_the_longest_known_chain_is_read() -> None:
    message = lambda_event(sqs(sns(event_bridge(json.dumps(CHANGE)))))

    assert order_of(json.dumps(message)) == order_of(CHANGE)


def test_an_envelope_may_hold_whatever_is_accepted() -> None:
    for name in ("document", "v0_orders_page", "2026_order", "order_status_change"):
        assert read(sns(sqs(sample(name)))) == read(sample(name))


def test_of_a_lambda_event_each_record_is_read_by_itself() -> None:
    bad = sample("order_change")
    del bad["Payload"]["OrderChangeNotification"]["AmazonOrderId"]
    event = lambda_event(sqs(CHANGE), sqs(bad), sqs("{"), {"s3": {}}, sqs(sns(CHANGE)))

    reading = read(event)

    assert reading.orders == (order_of(CHANGE),) * 2
    assert reading.refusal is not None
    assert reading.refusal.code is DeadLetterCode.INVALID_ORDER
    first, second, third = reading.refusal.message.split("; ")
    assert first == "Records[1].body.Payload.OrderChangeNotification.AmazonOrderId: required"
    assert second.startswith("Records[2].body: expected JSON: EOF ")
    assert third.startswith("Records[3]: expected an order document, ")


@pytest.mark.parametrize(
    ("message", "code", "problem"),
    [
        (sns("You have chosen to subscribe to the topic"), "unknown-payload", "Message: expected "),
        (sns("{"), "malformed-json", "Message: expected JSON: EOF "),
        (event_bridge({}), "unknown-payload", "detail: expected an order document"),
        (event_bridge({"state": "running"}), "unknown-payload", "detail: expected "),
        (sqs(sqs("[]")), "unknown-payload", "body.body: expected "),
        (
            event_bridge({"NotificationType": "FEED_PROCESSING_FINISHED"}),
            "unknown-payload",
            "detail.NotificationType: expected ORDER_CHANGE or ORDER_STATUS_CHANGE",
        ),
        (lambda_event(), "unknown-payload", "expected an order document"),
        ({"Message": "User is not authorized"}, "unknown-payload", "Message: expected "),
        ({"detail": None}, "unknown-payload", "expected an order document"),
    ],
)
def test_an_envelope_that_holds_nothing_accepted_is_refused_at_its_place(
    message: dict[str, Any], code: str, problem: str
) -> None:
    refusal = refused(message)

    assert refusal[0].value == code
    assert refusal[1].startswith(problem)


@pytest.mark.parametrize("wrap", [event_bridge, sqs, lambda_event])
def test_envelopes_in_envelopes_without_an_end_are_refused(wrap: Envelope) -> None:
    message: Any = CHANGE
    for _ in range(6):
        message = wrap(message)
    assert order_of(message) == order_of(CHANGE)
    for _ in range(2):
        message = wrap(message)
        code, problem = refused(message)
        assert code is DeadLetterCode.UNKNOWN_PAYLOAD
        assert problem.endswith(": expected at most 6 envelopes, one in the other")


def test_a_bomb_of_records_is_one_refusal() -> None:
    code, problem = refused({"Records": [{"Records": [1] * 1000}] * 100})

    assert code is DeadLetterCode.UNKNOWN_PAYLOAD
    assert problem.endswith("; and 99997 more")


def test_what_is_accepted_by_itself_is_no_envelope() -> None:
    document = sample("document") | {"body": "x", "detail": {"AmazonOrderId": "1"}, "Records": []}
    assert read(document) == read(sample("document"))
    assert read({"Orders": [], "Message": text(CHANGE)}) == ParseResult()


def test_a_notification_that_its_queues_encoded_again_and_again_is_read() -> None:
    message: Any = sqs(CHANGE)
    for _ in range(4):
        message = json.dumps(message)
    assert order_of(sns(message)) == order_of(CHANGE)
    assert refused(json.dumps("x"))[0] is DeadLetterCode.UNKNOWN_PAYLOAD
    assert refused('"x')[0] is DeadLetterCode.MALFORMED_JSON
