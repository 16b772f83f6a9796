"""What the console says: every text in German too, values as people read them, safe addresses."""

import string
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from models import labels, reasons
from models.amazon_order import AmazonStatus
from models.money import Money
from models.reasons import REMEDIES, BlockerCode, SkipReason, WaitingReason
from order_import.console import urls, words
from order_import.console.error_pages import (
    PROBLEMS,
    READ_ONLY,
    UNEXPECTED,
    UNKNOWN_PAGE,
    RequestTooLarge,
)
from order_import.console.formatting import Formatter
from order_import.console.language import CATALOG, preferred, translator
from tests.builders import a_store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Extract the texts, as `make translations` does."""
    extracted = tmp_path_factory.mktemp("texts") / "messages.pot"
    babel = [sys.executable, "-m", "babel.messages.frontend", "--quiet"]
    subprocess.run([*babel, "extract", "--output-file", extracted], cwd=ROOT, check=True)
    return _read(extracted)


@pytest.fixture(scope="module")
def german() -> Catalog:
    return _read(Path(CATALOG.format(language="de")))


def _read(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, abort_invalid=True)


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    return (text or "",) if text is None or isinstance(text, str) else text


def _fields(text: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(text)} - {None}


def test_every_text_has_its_german(template: Catalog, german: Catalog) -> None:
    translated = {
        message.id: all(_forms(message.string)) and not message.fuzzy for message in german
    }
    assert [message.id for message in template if not translated.get(message.id)] == []


def test_no_translation_is_obsolete(template: Catalog, german: Catalog) -> None:
    texts = [message.id for message in german if message.id]
    assert [text for text in texts if text not in template] == []
    assert [*german.obsolete] == []


def test_a_translation_has_the_same_placeholders(german: Catalog) -> None:
    assert [
        message.id
        for message in german
        if message.id
        for form in (*_forms(message.id), *_forms(message.string))
        if _fields(form) != _fields(_forms(message.id)[-1])
    ] == []


@pytest.mark.parametrize(
    "table",
    [
        labels.DEAD_LETTER_CAUSES,
        labels.DEAD_LETTER_REMEDIES,
        labels.DECISIONS,
        labels.FIELDS,
        REMEDIES,
        words.ACTIONS,
        words.CONFIRMATIONS,
        labels.MISSING_DETAILS,
        words.NAVIGATION,
        reasons.REASONS,
        words.STATES,
        words.STATE_MEANINGS,
        words.STATUSES,
    ],
)
def test_every_label_is_extracted(template: Catalog, table: Mapping[str, str]) -> None:
    assert [text for text in table.values() if text not in template] == []


def test_every_error_page_is_extracted(template: Catalog) -> None:
    for page in (*PROBLEMS.values(), READ_ONLY, RequestTooLarge(), UNEXPECTED, UNKNOWN_PAGE):
        assert page.detail in template
        assert not page.advice or page.advice in template


def test_every_code_has_its_words() -> None:
    codes = {*BlockerCode, *WaitingReason, *SkipReason}
    assert codes <= reasons.REASONS.keys()
    assert {*AmazonStatus} <= words.STATUSES.keys()


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,en;q=0.8", "de"),
        ("fr, en;q=0.9, de;q=0.1", "en"),
        ("fr;q=x,,;q=", "en"),
    ],
)
def test_the_language_is_the_browsers(asked: str, language: str) -> None:
    assert preferred(asked) == language


def test_values_in_both_languages() -> None:
    english, german = (Formatter(translator(language), NOW) for language in ("en", "de"))
    money = Money(amount=Decimal("1064.90"), currency="EUR")
    assert english.money(money) == "1,064.90\N{NO-BREAK SPACE}EUR"
    assert german.money(money) == "1.064,90\N{NO-BREAK SPACE}EUR"
    assert english.ago(NOW - timedelta(minutes=5)) == "5 min ago"
    assert german.ago(NOW + timedelta(hours=5)) == "in 5 Std."
    assert english.buyer("  erika von Mustermann ") == "E••• V•••"
    assert english.buyer("") == english.buyer(None) == "\N{EN DASH}"
    assert english.text("a\x00b\x9fc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("5", "EUR", "5.00 EUR"),
        ("1000", "JPY", "1,000 JPY"),
        ("19.9995", "EUR", "19.9995 EUR"),
        ("-1234567890123456789012345678901234", "EUR", None),
        ("0.0000000000000000000000000000000001", "EUR", None),
        ("1E+34", "EUR", None),
    ],
)
def test_an_amount_has_the_digits_of_its_currency_and_all_its_own(
    amount: str, currency: str, shown: str | None
) -> None:
    money = Money(amount=Decimal(amount), currency=currency)
    text = Formatter(translator("en"), NOW).money(money)
    assert shown in (None, text.replace("\N{NO-BREAK SPACE}", " "))
    assert Decimal(text.split("\N{NO-BREAK SPACE}")[0].replace(",", "")) == money.amount


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0.44, "0.4 sec", "0,4 Sek."),
        (3.0, "3 sec", "3 Sek."),
        (59.9, "59 sec", "59 Sek."),
        (60, "1 min", "1 Min."),
        (7_199, "119 min", "119 Min."),
        (7_200, "2 hr", "2 Std."),
        (2 * 86_400, "2 days", "2 Tg."),
    ],
)
def test_a_length_of_time_is_in_its_largest_unit(seconds: float, english: str, german: str) -> None:
    assert Formatter(translator("en"), NOW).seconds(seconds) == english
    assert Formatter(translator("de"), NOW).seconds(seconds) == german


def test_a_count_has_its_own_form() -> None:
    forms = {
        (language, n): translator(language).ngettext("{n} order", "{n} orders", n)
        for language in ("en", "de")
        for n in (0, 1, 1_000)
    }
    assert forms == {
        ("en", 0): "0 orders",
        ("en", 1): "1 order",
        ("en", 1_000): "1,000 orders",
        ("de", 0): "0 Bestellungen",
        ("de", 1): "1 Bestellung",
        ("de", 1_000): "1.000 Bestellungen",
    }


def test_what_has_no_translation_stays_as_it_is() -> None:
    for text in ("", "no text of ours"):
        assert translator("de").gettext(text) == text


def test_the_products_of_a_decision_are_told() -> None:
    product = {
        "sku": "TENT",
        "enabled": True,
        "manage_stock": True,
        "salable_quantity": 7.0,
        "reserved": 2,
        "as_of": NOW,
    }
    assert Formatter(translator("de"), NOW).facts({"products": [product]}) == [
        "TENT: aktiviert, 7 verkäuflich, 2 reserviert, Stand 2026-11-23 12:00"
    ]


def test_only_addresses_of_the_web_are_links() -> None:
    for bad in ("javascript:alert(1)//{commerce_order_id}", "//x/{commerce_order_id}", "http://["):
        store = a_store().model_copy(update={"commerce_order_url": bad})
        assert urls.in_commerce(store, "1", "2") is None
    store = a_store().model_copy(
        update={"commerce_order_url": "https://c.example/{commerce_order_id}"}
    )
    assert urls.in_commerce(store, "a/../b?x", "2") == "https://c.example/a%2F..%2Fb%3Fx"


def test_seller_central_is_the_marketplaces_own_where_the_store_names_none() -> None:
    store = a_store().model_copy(
        update={"seller_central_url": None, "marketplace_id": "A1PA6795UKMFR9"}
    )
    assert (
        urls.in_seller_central(store, None, "304-1")
        == "https://sellercentral.amazon.de/orders-v3/order/304-1"
    )
    assert urls.in_seller_central(None, "NOBODYKNOWS", "304-1") is None


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil", "x", "/a\nb"]
)
def test_only_a_way_on_this_console_is_gone(path: str) -> None:
    assert not urls.is_local(path)
    assert urls.is_local("/orders?q=a%20b")
