"""Every stored field has a class in docs/data-map.md: whether it is personal is never forgotten."""

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from models.amazon_order import (
    Address,
    AmazonOrder,
    Buyer,
    CancelRequest,
    Clocks,
    Gift,
    LineClock,
    OrderItem,
    Package,
)
from models.blockers import Blocker
from models.charges import Charge, TaxCollection
from models.checkpoint import Checkpoint, OffsetReset
from models.commerce_order import (
    CommerceLine,
    CommerceOrder,
    PendingReservation,
    Reservation,
)
from models.dead_letters import DeadLetter, Redrive
from models.events import Event
from models.messages import MessageRef
from models.money import Money
from models.notifications import (
    BlockingCause,
    Notification,
    NotificationLedger,
    Notified,
)
from models.order_record import HistoryEntry, OrderRecord
from models.reference_data import Component, Listing, Product, StockItem, Store
from models.replay import RecordedAnswers, Replay, ReplayAnswer, ReplayPart
from storage.port import AuditEntry, AuditHead, Session

PAGE = Path(__file__).parents[2] / "docs/data-map.md"
CLASSES = {"personal", "business", "operational", "operator", "secret"}
ENCRYPTED = {
    "AmazonOrder": {"buyer", "ship_to", "gifts"},
    "DeadLetter": {"key", "value", "headers"},
}
"""The personal fields; all those of a buyer, an address and a gift are."""
STORED: tuple[Any, ...] = (
    *(AmazonOrder, Buyer, Address, Gift, OrderItem, Package, Clocks, LineClock, CancelRequest),
    *(Charge, TaxCollection, Money, OrderRecord, HistoryEntry, MessageRef, Blocker),
    *(
        CommerceOrder,
        CommerceLine,
        Reservation,
        PendingReservation,
        Event,
        DeadLetter,
        Redrive,
        Checkpoint,
    ),
    *(
        OffsetReset,
        Store,
        Product,
        StockItem,
        Listing,
        Component,
        Replay,
        ReplayPart,
        RecordedAnswers,
    ),
    *(ReplayAnswer, Session, AuditEntry, AuditHead),
    *(NotificationLedger, Notified, Notification, BlockingCause),
)


def field_names(stored: Any) -> list[str]:
    """Return the names of a pydantic model, a named tuple or a dataclass."""
    if hasattr(stored, "model_fields"):
        return [*stored.model_fields]
    return [*getattr(stored, "_fields", ())] or [field.name for field in fields(stored)]


def on_the_page() -> dict[str, dict[str, list[str]]]:
    """Return the fields of each class, by the name of the value."""
    values: dict[str, dict[str, list[str]]] = {}
    for section in PAGE.read_text().split("\n### ")[1:]:
        rows = re.findall(r"^\| (\w+) \| (`.*`) \|$", section, re.MULTILINE)
        name = section.partition("\n")[0]
        values[name] = {class_: re.findall(r"`(\w+)`", names) for class_, names in rows}
    return values


def test_the_page_has_every_value_that_is_stored_and_no_other() -> None:
    assert {stored.__name__ for stored in STORED} == on_the_page().keys()


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored.__name__)
def test_every_stored_field_is_in_one_class(stored: Any) -> None:
    """When this fails: say in docs/data-map.md what the new field is, and who may see it."""
    classes = on_the_page()[stored.__name__]
    assert classes.keys() <= CLASSES
    assert Counter(name for names in classes.values() for name in names) == Counter(
        field_names(stored)
    )


def test_what_is_personal_is_what_is_encrypted() -> None:
    personal = {name: {*of.get("personal", ())} for name, of in on_the_page().items()}
    everything = {stored.__name__: {*field_names(stored)} for stored in (Buyer, Address, Gift)}
    assert {name: names for name, names in personal.items() if names} == ENCRYPTED | everything
