"""The filter of orders, read from an address or written into one; and cursors in addresses."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import ImportState
from models.reasons import REASON_CODES
from order_import.console.language import gettext_noop

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


def write_cursor(cursor: Cursor) -> str:
    """Return a cursor encoded for an address."""
    at: object = cursor.at
    if isinstance(at, datetime):
        at = (at - _EPOCH) // _MILLISECOND
    text = json.dumps([at, cursor.key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor | None:
    """Return a cursor from an address; None if it is invalid."""
    padded = text + "=" * (-len(text) % 4)
    try:
        match json.loads(base64.b64decode(padded, b"-_", validate=True)):
            case [at, str(key)]:
                key.encode()  # JSON can contain a lone surrogate, which no database accepts
                return Cursor(_read_place(at), key)
            case _:
                return None
    except (ValueError, OverflowError, RecursionError):
        return None


def _read_place(at: object) -> datetime | None:
    match at:
        case None:
            return None
        case int() if not isinstance(at, bool):
            return _EPOCH + at * _MILLISECOND
        case _:
            raise ValueError


FIELDS = (
    *("store", "state", "reason", "status", "channel", "number", "buyer", "sku", "product", "asin"),
    *("overdue", "from", "to", "min", "max", "currency", "sort"),
)
SORTS = {
    "-purchased": (OrderSort.PURCHASED, True),
    "purchased": (OrderSort.PURCHASED, False),
    "-received": (OrderSort.RECEIVED, True),
    "received": (OrderSort.RECEIVED, False),
    "ship-by": (OrderSort.SHIP_BY, False),
}
_WORD = re.compile(r'(?:([a-z]+):)?(?:"([^"]*)"|(\S+))')
_BUYER = re.compile(r'buyer:(?:"[^"]*"|\S+)')
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LONGEST = 200
_MOST_DIGITS = 20
_FIRST_YEAR, _LAST_YEAR = 1990, 2200

E = TypeVar("E", bound=StrEnum)


class _BadValueError(Exception):
    """A field's value is invalid. The arguments are a text and the values of its placeholders."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """A filter as entered, and the query for it.

    `values` are the fields by name, `search` is the content of the search box. `errors` are by
    field, each a text and the values of its placeholders; if there are any, `query` is empty.
    """

    search: str
    values: Mapping[str, str]
    query: OrderQuery
    errors: Mapping[str, tuple[str, Mapping[str, str]]]

    @property
    def is_empty(self) -> bool:
        """Whether no field restricts the orders."""
        return not any(value for name, value in self.values.items() if name != "sort")

    def address(self, path: str = "/orders", **changed: str | None) -> str:
        """Return the address of this filter, with some fields changed."""
        fields = {"q": self.search, **self.values, **changed}
        params = {name: value for name, value in fields.items() if value}
        return f"{path}?{urlencode(params)}" if params else path

    def address_without_buyer(self) -> str:
        """Return the address of this filter for the audit log, with the buyer masked."""
        masked = replace(self, search=_BUYER.sub("buyer:•••", self.search))
        return masked.address(buyer="•••" if self.values["buyer"] else None)


def read_filter(params: Mapping[str, str], *, may_see_buyers: bool = True) -> OrderFilter:
    """Read a filter from the fields of an address.

    Users who may not see buyers may not search by buyer either: they could guess a name
    character by character.
    """
    errors: dict[str, tuple[str, Mapping[str, str]]] = {}
    search = params.get("q", "").strip()[: 2 * _LONGEST]
    values = {name: params.get(name, "").strip()[:_LONGEST] for name in FIELDS}
    # Exactly the catalog's or Amazon's SKU, set by a link: a trailing blank belongs to it.
    values["product"] = params.get("product", "")[:_LONGEST]
    effective = dict(values)
    for match in _WORD.finditer(search):
        name, value = match[1], match[2] or match[3] or ""
        if name is None:
            name = "number"
        if name not in FIELDS:
            errors["q"] = (
                gettext_noop("There is no field “{name}”. There are: {fields}"),
                {"name": name, "fields": ", ".join(FIELDS)},
            )
        elif effective[name] and effective[name] != value:
            errors["q"] = (gettext_noop("“{name}” is asked for twice."), {"name": name})
        else:
            effective[name] = value
    fields: dict[str, Any] = {}
    for name, read in _READERS.items():
        if effective[name]:
            try:
                fields |= read(effective[name])
            except _BadValueError as error:
                text, placeholders = error.args
                errors["q" if not values[name] else name] = (text, {"name": name, **placeholders})
    if "buyer" in fields and not may_see_buyers:
        errors["buyer" if values["buyer"] else "q"] = (
            gettext_noop("Only operators search by buyer."),
            {},
        )
    if params.get("product") == "-":
        fields["product"] = ""
    query = OrderQuery(**fields)
    errors |= _errors_of_sort(query)
    query = OrderQuery() if errors else query
    return OrderFilter(search, values, query, errors)


def _errors_of_sort(query: OrderQuery) -> dict[str, tuple[str, Mapping[str, str]]]:
    if query.has_index_for_its_sort:
        return {}
    return {"sort": ("Only blocked orders can be sorted by ship-by date.", {})}


def _one_of(field: str, kind: type[E]) -> Any:
    members = {member.value.lower(): member for member in kind}

    def read(text: str) -> dict[str, Any]:
        if text.lower() not in members:
            raise _BadValueError(
                "“{value}” is no {name}. There are: {known}",
                {"value": text, "known": ", ".join(member.value for member in kind)},
            )
        return {field: members[text.lower()]}

    return read


def _reason(text: str) -> dict[str, Any]:
    if text not in REASON_CODES:
        raise _BadValueError(
            "“{value}” is no {name}. There are: {known}",
            {"value": text, "known": ", ".join(REASON_CODES)},
        )
    return {"reason": text}


def _as_text(field: str) -> Any:
    return lambda text: {field: text}


def _moment(field: str, *, end: bool) -> Any:
    def read(text: str) -> dict[str, Any]:
        try:
            at = datetime.fromisoformat(text)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            # As an end, a day includes all of its hours.
            at += timedelta(days=1 if end and _DAY.fullmatch(text) else 0)
        except (ValueError, OverflowError):
            at = datetime.min.replace(tzinfo=UTC)
        if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            raise _BadValueError(
                "“{value}” is no date. Expected 2026-11-22 or 2026-11-22T14:30.", {"value": text}
            )
        return {field: at}

    return read


def _amount(field: str) -> Any:
    def read(text: str) -> dict[str, Any]:
        try:
            amount = Decimal(text.replace(",", "."))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or len(text) > _MOST_DIGITS or "e" in text.lower():
            raise _BadValueError("“{value}” is no amount. Expected 19.99.", {"value": text})
        return {field: amount}

    return read


def _currency(text: str) -> dict[str, Any]:
    if not _CURRENCY.fullmatch(text.upper()):
        raise _BadValueError("“{value}” is no currency. Expected EUR.", {"value": text})
    return {"currency": text.upper()}


def _sort(text: str) -> dict[str, Any]:
    if text not in SORTS:
        raise _BadValueError(
            "“{value}” is no {name}. There are: {known}",
            {"value": text, "known": ", ".join(SORTS)},
        )
    sort, descending = SORTS[text]
    return {"sort": sort, "descending": descending}


_READERS: Mapping[str, Any] = {
    "store": _as_text("store_id"),
    "state": _one_of("state", ImportState),
    "reason": _reason,
    "status": _one_of("status", AmazonStatus),
    "channel": _one_of("channel", FulfillmentChannel),
    "number": _as_text("number"),
    "buyer": _as_text("buyer"),
    "sku": _as_text("sku"),
    "product": _as_text("product"),
    "asin": _as_text("asin"),
    "overdue": _moment("overdue_since", end=False),
    "from": _moment("purchased_from", end=False),
    "to": _moment("purchased_to", end=True),
    "min": _amount("total_min"),
    "max": _amount("total_max"),
    "currency": _currency,
    "sort": _sort,
}
