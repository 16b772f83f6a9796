"""Formatting of values for people: times, money, ages, masked buyers, and labels of codes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from models.charges import ChargeKind
from models.labels import CHARGES, DECISIONS, FIELDS, MISSING_DETAILS, describe_match
from models.money import DIGITS, Money
from models.outcome import MissingDetail
from models.reasons import REASONS
from models.reference_data import CommerceStatus, Match
from models.skus import visible_sku
from order_import.console.language import Translator
from order_import.console.words import STATES, STATUSES
from storage.queries import OrderRow

_NONE = "\N{EN DASH}"
_DOT = "\N{BULLET}"
_AMOUNT = "#,##0.00"
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_PRODUCTS = 10
"""The maximum number of products shown for a decision."""
_CONTROL = dict.fromkeys([*range(32), *range(127, 160)], "�")
del _CONTROL[10]


class Formatter:
    """Values in one language, at one moment."""

    def __init__(self, texts: Translator, now: datetime) -> None:
        self._locale = texts.locale
        self._t = texts.gettext
        self.now = now

    def text(self, value: object) -> str:
        """Return text from outside, with its control characters replaced."""
        return str(value).translate(_CONTROL)

    def sku(self, value: str) -> str:
        """Return a SKU with its invisible characters made visible."""
        return self.text(visible_sku(value))

    def match(self, match: Match) -> str:
        """Return what a seller SKU stands for."""
        return self.text(describe_match(match))

    def minute(self, at: datetime | None) -> str:
        """Return a time to the minute, in UTC."""
        return _NONE if at is None else f"{at:%Y-%m-%d %H:%M}"

    def exact(self, at: datetime | None) -> str:
        """Return a time to the millisecond, in UTC."""
        return _NONE if at is None else f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"

    def plain(self, number: float) -> str:
        """Return a number with all its digits, as an input field accepts it."""
        return str(int(number)) if float(number).is_integer() else repr(number)

    def iso(self, at: datetime | None) -> str:
        """Return a time for programs."""
        return "" if at is None else at.isoformat(timespec="milliseconds")

    def ago(self, at: datetime | None) -> str:
        """Return how long ago or how soon a time is, in its largest unit."""
        if at is None:
            return _NONE
        seconds = int((self.now - at).total_seconds())
        size = self.seconds(abs(seconds))
        return self._t("{age} ago", age=size) if seconds >= 0 else self._t("in {age}", age=size)

    def seconds(self, seconds: float | None) -> str:
        """Return a duration in its largest unit."""
        if seconds is None:
            return _NONE
        for unit, length in _UNITS:
            if seconds >= 2 * length or (unit == "minute" and seconds >= length):
                return self._unit(seconds // length, unit)
        # Two digits are enough.
        return self._unit(round(seconds, 1) if seconds < 10 else int(seconds), "second")  # noqa: PLR2004

    def number(self, value: float | None) -> str:
        """Return a number with its thousands separated."""
        return _NONE if value is None else format_decimal(value, locale=self._locale)

    def money(self, money: Money | None) -> str:
        """Return an amount with its currency."""
        return _NONE if money is None else self._amount(money.amount, money.currency)

    def buyer(self, name: str | None) -> str:
        """Return a name masked: its initials, and no hint of its length."""
        if not name or not name.strip():
            return _NONE
        initials = [part[0].upper() for part in self.text(name).split()[:2]]
        return " ".join(f"{initial}{_DOT * 3}" for initial in initials)

    def state(self, state: str) -> str:
        """Return the label of an import state."""
        return self._t(STATES.get(state, state))

    def status(self, status: str | None) -> str:
        """Return the label of Amazon's or Commerce's status."""
        return _NONE if status is None else self._t(STATUSES.get(status, status))

    def charge(self, kind: ChargeKind) -> str:
        """Return the label of a kind of charge."""
        return self._t(CHARGES[kind])

    def reason(self, code: str) -> str:
        """Return the label of a reason code."""
        return self._t(REASONS.get(code, code))

    def reasons(self, codes: Iterable[str]) -> str:
        """Return the labels of reason codes."""
        return "; ".join(self.reason(code) for code in codes)

    def missing(self, details: Iterable[MissingDetail]) -> str:
        """Return the labels of the details that an order waits for."""
        return ", ".join(self._t(MISSING_DETAILS[detail]) for detail in details)

    def decision(self, what: str) -> str:
        """Return the title of a history entry."""
        return self._t(DECISIONS.get(what, what))

    def note(self, row: OrderRow) -> str:
        """Return the latest decision on an order in words."""
        line = row.line
        if line.order_number is not None:
            moved_on = line.commerce_status not in (None, CommerceStatus.PROCESSING)
            return (
                self.status(line.commerce_status) if moved_on else self._t("Commerce order created")
            )
        reasons = self.reasons(line.reasons)
        if line.missing:
            return f"{reasons}: {self.missing(line.missing)}"
        skus = ", ".join(map(self.sku, row.skus[:3]))
        return f"{reasons}: {skus}" if skus else reasons

    def facts(self, facts: Mapping[str, Any]) -> Sequence[str]:
        """Return the facts behind a decision, each with its version."""
        t, lines = self._t, []
        if "from_store" in facts:
            lines.append(t("waited for store {store}", store=self.text(facts["from_store"])))
        if "store_marketplace_id" in facts:
            differing = {
                "its": self.text(facts["marketplace_id"]),
                "store": self.text(facts["store_marketplace_id"]),
            }
            lines.append(t("marketplace {its} differs from the store's {store}", **differing))
        if "store_updated_at" in facts:
            lines.append(t("store settings of {at}", at=self.minute(facts["store_updated_at"])))
        if "import_amazon_orders" in facts:
            lines.append(t("import on") if facts["import_amazon_orders"] else t("import off"))
        if "import_non_amazon_orders" in facts:
            imported = facts["import_non_amazon_orders"]
            others = t("non-Amazon orders imported"), t("non-Amazon orders not imported")
            lines.append(others[not imported])
        if "stock_id" in facts:
            lines.append(t("stock {stock}", stock=self.text(facts["stock_id"])))
        products = facts.get("products", ())
        for product in products[:_PRODUCTS]:
            stock = (
                t(
                    "{n} salable, {reserved} reserved",
                    n=self.plain(product["salable_quantity"]),
                    reserved=product["reserved"],
                )
                if product["manage_stock"]
                else t("stock not managed")
            )
            enabled = t("enabled") if product["enabled"] else t("disabled")
            as_of = t("as of {at}", at=self.minute(product["as_of"]))
            lines.append(f"{self.text(product['sku'])}: {enabled}, {stock}, {as_of}")
        if len(products) > _PRODUCTS:
            lines.append(t("and {n} more", n=len(products) - _PRODUCTS))
        return [*lines, *map(self._change, facts.get("changes", ()))]

    def _change(self, change: Mapping[str, Any]) -> str:
        """Return what an amendment changed, for example `line 1: quantity 3 → 1`."""
        field = self._t(FIELDS.get(change["field"], change["field"]))
        item = change["order_item_id"]
        line = "" if item is None else self._t("line {item}", item=self.text(item)) + ": "
        return f"{line}{field} {self._value(change['from'])} → {self._value(change['to'])}"

    def _value(self, value: object) -> str:
        match value:
            case None:
                return _NONE
            case bool():
                return self._t("yes") if value else self._t("no")
            case {"amount": str(amount), "currency": str(currency)}:
                return self._amount(Decimal(amount), currency)
            case str() if value.removeprefix("-").replace(".", "", 1).isdecimal():
                return self._amount(Decimal(value))
            case "known":
                return self._t("known")
            case "changed":
                return self._t("changed")
            case _:
                return self.text(str(value))

    def _amount(self, amount: Decimal, currency: str | None = None) -> str:
        """Return an amount with all its digits, and at least those its currency has."""
        # Exact also for the longest amounts, which have more digits than the default context.
        with localcontext(prec=3 * DIGITS):
            if currency is None:
                return format_decimal(amount, _AMOUNT, self._locale, decimal_quantization=False)
            pattern = f"{_AMOUNT}\N{NO-BREAK SPACE}¤¤"
            return format_currency(
                amount, currency, pattern, self._locale, decimal_quantization=False
            )

    def _unit(self, value: float, unit: str) -> str:
        return format_unit(value, f"duration-{unit}", "short", locale=self._locale)
