"""What people see of an amended order: in `explain`, and on the console in both languages."""

import json
from typing import Any

import pytest

from models.amazon_order import Address, Buyer, Gift
from models.charges import Charge, ChargeKind
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.events import FieldChange
from models.outcome import Created
from order_import.__main__ import main
from storage.port import AuditEntry
from storage.queries import OrderHistory
from tests.builders import (
    ORDER,
    STORE,
    a_commerce_order,
    a_history_entry,
    a_record,
    a_store,
    an_item,
    an_order,
    money,
)
from tests.unit.console_kit import a_client, a_context
from tests.unit.readers import FakeReader, opened

CHANGES = (
    FieldChange(field="total", from_="40.00", to="10.00"),
    FieldChange(field="quantity", order_item_id="item-1", from_=3, to=1),
    FieldChange(field="price", order_item_id="item-1", from_=None, to=money("10.00")),
    FieldChange(field="charges.shipping", order_item_id="item-1", from_=None, to=money("5.00")),
    FieldChange(field="purchase_order_number", from_=None, to="PO-4711"),
    FieldChange(field="address_known", from_=False, to=True),
    FieldChange(field="address", from_="known", to="changed"),
)


def a_history() -> OrderHistory:
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=money("5.00"), tax=money("0.40"))
    asked = an_item(buyer_requested_cancel=True, cancel_reason="Found cheaper", charges=(shipping,))
    gone = CommerceLine(an_item(order_item_id="item-2", quantity=0), "SKU-2")
    commerce = a_commerce_order(
        total=money("10.00"),
        lines=(CommerceLine(asked, "SKU-1"), gone),
        reservations=(Reservation("SKU-1", 1),),
        buyer_requested_cancel=True,
        address_known=True,
    )
    order = an_order(
        items=(asked,),
        buyer_requested_cancel=True,
        buyer=Buyer(name="Ada Private"),
        ship_to=Address(lines=("Secret Street 1",)),
        gifts=(Gift(order_item_id="item-1", message="Secret wishes"),),
        total=money("16.70"),
        purchase_order_number="PO-4711",
    )
    changes = [change.model_dump(mode="json", by_alias=True) for change in CHANGES]
    history = (
        a_history_entry(what="amended-short", facts={"changes": changes}),
        a_history_entry(what="cancellation-requested"),
    )
    record = a_record(order=order, outcome=Created(commerce.commerce_order_id))
    return OrderHistory(record, history, {}, commerce, a_store())


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    reader = FakeReader(histories=[a_history()])
    monkeypatch.setattr(
        "order_import.cli.context.connect_database", lambda _: opened(reader=reader)
    )
    return reader


@pytest.mark.usefixtures("explained")
def test_explain_tells_what_was_amended_and_what_the_order_is_now(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(("explain", ORDER))
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        "It has 1 of SKU-1 (the buyer requests cancellation); total 10.00 USD; address known; ",
        "reserves 1 of",
        "more units than before",
        "buyer requested cancellation",
        "Found cheaper",
        "total 40.00 → 10.00",
        "line item-1: quantity 3 → 1",
        "line item-1: price unknown → 10.00 USD",
        "line item-1: shipping unknown → 5.00 USD",
        "purchase order number unknown → PO-4711",
        "Purchase order number PO-4711",
        "│ Shipping │ SKU-1 │ 5.00 USD │ 0.40 USD │",
        "│ Unexplained │ - │ 0.50 USD │ - │",
        "address known no → yes",
        "address known → changed",
    ):
        assert part in shown
    assert "Secret" not in shown


@pytest.mark.usefixtures("explained")
def test_explain_as_json_has_the_amended_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(("explain", ORDER, "--json"))
    text = capsys.readouterr().out
    told = json.loads(text)
    commerce = told["commerce_order"]
    assert (commerce["address_known"], commerce["buyer_requested_cancel"]) == (True, True)
    assert [one["quantity"] for one in commerce["lines"]] == [1, 0]
    assert commerce["lines"][0]["cancel_reason"] == "Found cheaper"
    assert (told["unexplained"], told["prices_include_tax"]) == ("0.50", False)
    assert told["items"][0]["charges"][0]["kind"] == "shipping"
    assert (commerce["unexplained"], commerce["prices_include_tax"]) == ("-5.00", True)
    assert commerce["total"] == {"amount": "10.00", "currency": "USD"}
    assert told["history"][0]["facts"]["changes"][1] == {
        "field": "quantity",
        "order_item_id": "item-1",
        "from": 3,
        "to": 1,
    }
    assert "Secret" not in text


class OneOrder:
    """What the pages of one order ask."""

    async def history(self, _: str) -> OrderHistory:
        return a_history()

    async def commerce_order(self, _: str) -> CommerceOrder | None:
        return a_history().commerce_order

    async def stores(self) -> dict[str, Any]:
        return {STORE: a_store()}

    async def products(self, *_: object) -> dict[str, Any]:
        return {}

    async def blocked_stores(self, _: object) -> list[str]:
        return []

    async def state_counts(self) -> dict[str, Any]:
        return {}

    async def record(self, _: AuditEntry) -> None:
        pass


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            (
                "buyer requested cancellation",
                "asks to cancel: <bdi>Found cheaper</bdi>",
                "warning: more units than before, not all reserved",
                "line item-1: quantity 3 → 1",
                "line item-1: shipping \N{EN DASH} → 5.00\N{NO-BREAK SPACE}USD",
                "<dd><bdi>PO-4711</bdi></dd>",
                '<td data-label="Charge">Shipping</td>',
                '<td class="money" data-label="Tax">0.40\N{NO-BREAK SPACE}USD</td>',
                '<td data-label="Charge">Unexplained</td>',
                '<td class="money" data-label="Amount">0.50\N{NO-BREAK SPACE}USD</td>',
                "total 40.00 → 10.00",
                "address known → changed",
            ),
        ),
        (
            "de",
            (
                "der Käufer bittet um Storno",
                "bittet um Storno: <bdi>Found cheaper</bdi>",
                "Warnung: mehr Stück als vorher, nicht alle reserviert",
                "Position item-1: Menge 3 → 1",
                '<td data-label="Betrag für">Versand</td>',
                '<td data-label="Betrag für">Nicht erklärt</td>',
                "Gesamtbetrag 40,00 → 10,00",
                "Anschrift bekannt → geändert",
            ),
        ),
    ],
)
async def test_the_order_page_tells_what_was_amended(language: str, words: tuple[str, ...]) -> None:
    world: Any = OneOrder()
    context = a_context(reader=world, orders=world, state=world)
    async with a_client(context) as client:
        page = await client.get(f"/orders/{STORE}/{ORDER}", headers={"accept-language": language})
    assert page.status_code == 200
    for part in words:
        assert part in page.text
    assert "Secret" not in page.text


async def test_rule_27_a_gift_text_is_shown_with_the_buyer_alone() -> None:
    world: Any = OneOrder()
    path = f"/orders/{STORE}/{ORDER}"
    async with a_client(a_context(reader=world, orders=world, state=world)) as client:
        masked = await client.get(path)
        shown = await client.get((await client.post(f"{path}/buyer")).headers["location"])
    assert "Secret" not in masked.text
    gift = "<dt>Gift <code><bdi>item-1</bdi></code></dt><dd><bdi>Secret wishes</bdi>"
    assert gift in shown.text


@pytest.mark.parametrize(("language", "known"), [("en", "known"), ("de", "bekannt")])
async def test_the_commerce_order_page_tells_what_it_is_now(language: str, known: str) -> None:
    world: Any = OneOrder()
    context = a_context(reader=world, orders=world, state=world)
    async with a_client(context) as client:
        page = await client.get("/commerce/any", headers={"accept-language": language})
    assert page.status_code == 200
    assert f"<dd>{known}</dd>" in page.text
    assert "Found cheaper" in page.text
    assert '<td class="money" data-label="' in page.text
