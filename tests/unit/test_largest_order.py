"""The largest order there can be: its documents can be stored, and its events published."""

from dataclasses import dataclass

import bson
import pytest
from pydantic import ValidationError

from handlers.payloads import read_payload
from handlers.rules.blockers import MAX_NAMED
from handlers.rules.decision_builder import DecisionBuilder
from handlers.rules.receive import MAX_CHANGES_KEPT, receive
from models.amazon_order import MAX_LINES, AmazonOrder, OrderItem
from models.charges import MAX_CHARGES, Charge, ChargeKind
from models.commerce_order import CommerceLine
from models.decision import Decision
from models.outcome import Blocked, Created
from models.reference_data import Catalog, Component
from models.topics import MAX_PUBLISHED_BYTES
from storage.documents.commerce_order import commerce_order_to_document
from storage.documents.order_record import history_entry_to_document, order_to_document
from storage.mongo.bulk_write import HISTORY_LENGTH
from streams.messages import encode
from tests.builders import (
    ORDER,
    SOURCE,
    STORE,
    a_commerce_order,
    a_listing,
    a_message,
    a_record,
    a_store,
    an_occasion,
    an_order,
    later,
    money,
)

LETTER = "\N{MUSICAL SYMBOL G CLEF}"
"""Four bytes in UTF-8."""
MOST = money("99999999999999999999.99999999999999")
DOCUMENT_LIMIT = 16 * 1024 * 1024


def the_largest(quantity: int, amount: str, *, asked: bool) -> AmazonOrder:
    """Every line is another one than in an order of another quantity and amount."""
    text = read_texts()
    lines = [
        text.model_copy(
            update={
                "order_item_id": LETTER * 124 + f"{number:04d}",
                "seller_sku": LETTER * 128,
                "quantity": quantity,
                "price": money(amount),
                "tax": money(amount),
                "charges": tuple(
                    Charge(kind=kind, amount=money(amount), tax=money(amount))
                    for kind in ChargeKind
                    for _ in range(MAX_CHARGES // len(ChargeKind))
                ),
                "buyer_requested_cancel": asked,
            }
        )
        for number in range(MAX_LINES)
    ]
    return an_order(items=tuple(lines), last_update_date=later(quantity))


def read_texts() -> OrderItem:
    """A line with texts far longer than anybody reads, as it is taken."""
    item = {
        "OrderItemId": "1",
        "QuantityOrdered": 1,
        "Title": LETTER * 5000,
        "ASIN": LETTER * 5000,
        "TaxCollection": {"Model": LETTER * 5000, "ResponsibleParty": LETTER * 5000},
        "DeemedResellerCategory": LETTER * 5000,
        "IossNumber": LETTER * 5000,
        "BuyerRequestedCancel": {
            "IsBuyerRequestedCancel": "true",
            "BuyerCancelReason": LETTER * 5000,
        },
    }
    body = {"AmazonOrderId": ORDER, "OrderItems": [item]}
    [order] = read_payload(a_message(body).value).orders
    return order.items[0]


KIT = tuple(Component(sku=LETTER * 6 + chr(65 + n), quantity=10_000) for n in range(20))


@dataclass(frozen=True)
class Made:
    """The largest Commerce order, the decision that creates it, and one that changes all of it."""

    creation: Decision
    amendment: Decision


@pytest.fixture(scope="module", params=[LETTER * 128, KIT], ids=["products", "kits"])
def made(request: pytest.FixtureRequest) -> Made:
    order = the_largest(1, str(MOST.amount), asked=True)
    commerce_order = a_commerce_order(
        lines=tuple(CommerceLine(item, request.param) for item in order.items), reservations=()
    )
    record = a_record(order=order, outcome=Created(commerce_order.commerce_order_id))
    log = DecisionBuilder(record, an_occasion())
    log.created(commerce_order)
    news = the_largest(2, "88888888888888888888.88888888888888", asked=False)
    return Made(
        log.decide("created"),
        receive(record, STORE, news, a_store(), commerce_order, an_occasion()),
    )


def test_its_creation_and_its_amendment_can_be_published(made: Made) -> None:
    decision = made.amendment
    amended = [one for one in decision.events if one.event_type == "CommerceOrderAmended"]
    assert len(amended) == 28, "500 changes are told at once"
    for event in (*made.creation.events, *decision.events):
        assert len(encode(event, SOURCE).value or b"") < MAX_PUBLISHED_BYTES
    kept = decision.history.facts["changes"] if decision.history else ()
    assert isinstance(kept, list)
    assert len(kept) == MAX_CHANGES_KEPT


def test_its_documents_can_be_stored(made: Made) -> None:
    decision = made.amendment
    assert decision.history is not None
    order = order_to_document(decision.record, is_new=True)
    history = [history_entry_to_document(decision.history)] * HISTORY_LENGTH
    assert len(bson.encode(order | {"history": history})) < DOCUMENT_LIMIT
    assert decision.commerce_order is not None
    assert len(bson.encode(commerce_order_to_document(decision.commerce_order))) < DOCUMENT_LIMIT


def test_the_largest_kit_is_a_listing() -> None:
    assert a_listing(sku=None, components=KIT).match == KIT
    longer = (KIT[0].model_copy(update={"sku": LETTER * 10}), *KIT[1:])
    with pytest.raises(ValidationError, match="at most 512 bytes"):
        a_listing(sku=None, components=longer)


def test_its_block_can_be_published() -> None:
    order = the_largest(1, str(MOST.amount), asked=True)
    catalog = Catalog({f"{STORE}/{LETTER * 128}": KIT}, {})
    decision = receive(None, STORE, order, a_store(), None, an_occasion(), catalog)
    assert isinstance(decision.record.outcome, Blocked)
    assert len(decision.record.outcome.blockers) == MAX_NAMED // MAX_LINES
    [event] = decision.events
    assert len(encode(event, SOURCE).value or b"") < MAX_PUBLISHED_BYTES
    assert len(bson.encode(order_to_document(decision.record, is_new=True))) < DOCUMENT_LIMIT
