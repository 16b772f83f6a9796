"""What the console says: every text in German too, values as people read them, safe addresses."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from models.blockers import REMEDIES, BlockerCode
from models.labels import DEAD_LETTER_CAUSES, DEAD_LETTER_REMEDIES, DECISIONS
from models.money import Money
from models.outcome import SkipReason, WaitingReason
from order_import import console
from order_import.console import urls, words
from order_import.console.error_pages import NOT_SO, PROBLEMS, UNEXPECTED, UNKNOWN_PAGE
from order_import.console.formatting import Formatter
from order_import.console.german import GERMAN
from order_import.console.language import preferred, translator
from order_import.console.rendering import _FLASHES, NAVIGATION
from tests.builders import a_store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROOT = Path(console.__file__).parent
_CALL = re.compile(r"""\bt\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")


def texts() -> Iterator[str]:
    """Give every English text that is shown."""
    for template in ROOT.rglob("*.html"):
        for found in _CALL.finditer(template.read_text()):
            yield found[1] or found[2]
    for source in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in {"t", "_t", "refuse", "RequestRefused", "_BadValueError"}:
                    yield from (
                        one.value
                        for one in node.args
                        if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    )
    for catalogue in (words.REASONS, words.STATES, words.STATE_MEANINGS, words.STATUSES):
        yield from catalogue.values()
    for more in (
        DECISIONS,
        words.ACTIONS,
        words.MISSING_DETAILS,
        _FLASHES,
        DEAD_LETTER_CAUSES,
        DEAD_LETTER_REMEDIES,
        REMEDIES,
    ):
        yield from more.values()
    yield from (name for _, name in NAVIGATION)
    for problem in (*(one for _, one in PROBLEMS), NOT_SO, UNEXPECTED, UNKNOWN_PAGE):
        yield from (problem.line, problem.advice)


def test_every_text_has_its_german() -> None:
    assert {text for text in texts() if text not in GERMAN} == set()


def test_a_translation_has_the_same_places_for_values() -> None:
    places = re.compile(r"\{\w+\}")
    assert {
        text
        for text, german in GERMAN.items()
        if set(places.findall(text)) != set(places.findall(german))
    } == set()


def test_every_code_has_its_words() -> None:
    codes = {*BlockerCode, *WaitingReason, *SkipReason}
    assert codes <= words.REASONS.keys()


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
    english, german = (Formatter(one, translator(one), NOW) for one in ("en", "de"))
    money = Money(amount=Decimal("1064.90"), currency="EUR")
    assert english.money(money) == "1,064.90\N{NO-BREAK SPACE}EUR"
    assert german.money(money) == "1.064,90\N{NO-BREAK SPACE}EUR"
    assert english.ago(NOW - timedelta(minutes=5)) == "5 min ago"
    assert german.ago(NOW + timedelta(hours=5)) == "in 5 Std."
    assert english.buyer("  erika von Mustermann ") == "E••• V•••"
    assert english.buyer("") == english.buyer(None) == "\N{EN DASH}"
    assert english.text("a\x00b\x9fc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


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
