"""The checks of events find an envelope that is not of its event, or of another installation."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.faults.evidence import Evidence, Message
from tests.faults.log_checks import events
from tests.faults.verdict import Verdict

TOPIC = "commerce.orders"


def judged(tmp_path: Path, **second: str) -> Verdict:
    """The verdict on two events, the second with other headers."""
    evidence, verdict = Evidence(tmp_path), Verdict()
    stored: dict[str, object] = {}
    messages: list[Message] = []
    for number in (1, 2):
        stored[str(number)] = {"key": "us/1", "sequence": number, "body": "{}"}
        headers = {
            "ce_id": str(number),
            "ce_subject": "us/1",
            "ce_type": "CommerceOrderCreated",
            "ce_source": "/order-import/default/a.",
            "ce_dataschema": "urn:order-import:schema:CommerceOrderCreated:1",
        } | (second if number == 2 else {})
        encoded = {name: value.encode() for name, value in headers.items()}
        messages.append(Message(TOPIC, 0, number, b"us/1", b"{}", encoded, 0))
    vars(evidence)["topics"] = defaultdict(list, {TOPIC: messages})
    orders = {"us/1": {"sequence": 2}}
    vars(evidence)["database"] = defaultdict(dict, events=stored, amazon_orders=orders)
    events(evidence, verdict)
    return verdict


def test_events_as_they_should_be_are_no_violation(tmp_path: Path) -> None:
    assert judged(tmp_path).found == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_source", "/order-import/default"),
        ("ce_dataschema", "urn:order-import:schema:CommerceOrderAmended:1"),
        ("ce_type", "CommerceOrderAmended"),
    ],
)
def test_a_wrong_envelope_is_found(tmp_path: Path, name: str, value: str) -> None:
    assert judged(tmp_path, **{name: value}).counts["invented"] == 1
