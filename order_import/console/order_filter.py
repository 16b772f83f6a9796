"""The filter of orders, read from an address or written into one; and cursors in addresses."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import StrictInt, TypeAdapter

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.money import Currency
from models.order_query import DUE_FORMS, Cursor, OrderQuery, OrderSort, parse_due
from models.outcome import ImportState
from models.reasons import REASON_CODES
from order_import.console import urls
from order_import.console.language import gettext_noop

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CURSOR: TypeAdapter[tuple[StrictInt | None, str]] = TypeAdapter(tuple[StrictInt | None, str])
"""A cursor as JSON: its time in milliseconds, and its key."""


def write_cursor(cursor: Cursor) -> str:
    """Return a cursor encoded for an address."""
    at = None if cursor.at is None else (cursor.at - _EPOCH) // _MILLISECOND
    text = json.dumps([at, cursor.key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor | None:
    """Return a cursor from an address; None if it is invalid."""
    padded = text + "=" * (-len(text) % 4)
    try:
        at, key = _CURSOR.validate_json(base64.b64decode(padded, b"-_", validate=True))
        return Cursor(None if at is None else _EPOCH + at * _MILLISECOND, key)
    except (ValueError, OverflowError):
        return None


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
_AMOUNT = re.compile(r"-?\d{1,15}(?:[.,]\d{1,9})?", re.ASCII)
_CURRENCY: TypeAdapter[str] = TypeAdapter(Currency)
_LONGEST = 200
_FIRST_YEAR, _LAST_YEAR = 1990, 2200


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ValueError
    return at


def _end(text: str) -> datetime:
    """Return the end of a period: a day includes all of its hours."""
    return _moment(text) + timedelta(days=1 if _DAY.fullmatch(text) else 0)


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise ValueError
    return Decimal(text.replace(",", "."))


class _Field(NamedTuple):
    """A field of the filter: its attribute of the query, how it is read, and what it expects.

    `read` raises a `ValueError`, `LookupError` or `OverflowError` if the text is invalid.
    """

    attribute: str
    read: Callable[[str], Any] = str
    expected: str = ""


def _one_of(attribute: str, values: Iterable[str]) -> _Field:
    by_text = {value.lower(): value for value in values}
    return _Field(attribute, lambda text: by_text[text.lower()], ", ".join(by_text.values()))


_DATE = "2026-11-22, 2026-11-22T14:30"
_FIELDS: Mapping[str, _Field] = {
    "store": _Field("store_id"),
    "state": _one_of("state", ImportState),
    "reason": _one_of("reason", REASON_CODES),
    "status": _one_of("status", AmazonStatus),
    "channel": _one_of("channel", FulfillmentChannel),
    "number": _Field("number"),
    "buyer": _Field("buyer"),
    "sku": _Field("sku"),
    "product": _Field("product"),
    "asin": _Field("asin"),
    "due": _Field("ship_by_before", parse_due, DUE_FORMS),
    "overdue": _Field("overdue_since", _moment, _DATE),
    "from": _Field("purchased_from", _moment, _DATE),
    "to": _Field("purchased_to", _end, _DATE),
    "min": _Field("total_min", _amount, "19.99"),
    "max": _Field("total_max", _amount, "19.99"),
    "currency": _Field("currency", lambda text: _CURRENCY.validate_python(text.upper()), "EUR"),
    "sort": _Field("sort", SORTS.__getitem__, ", ".join(SORTS)),
}
FIELDS = tuple(_FIELDS)


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
        return urls.query(path, **{"q": self.search, **self.values, **changed})

    def address_without_buyer(self) -> str:
        """Return the address of this filter for the audit log, with the buyer masked."""
        masked = replace(self, search=_BUYER.sub("buyer:•••", self.search))
        return masked.address(buyer="•••" if self.values["buyer"] else None)


def read_filter(
    params: Mapping[str, str], now: datetime, *, may_see_buyers: bool = True
) -> OrderFilter:
    """Read a filter from the fields of an address.

    Orders that are due are sorted by ship-by date by default.

    Users who may not see buyers may not search by buyer either: they could guess a name
    character by character.
    """
    errors: dict[str, tuple[str, Mapping[str, str]]] = {}
    search = params.get("q", "").strip()[: 2 * _LONGEST]
    values = {name: params.get(name, "").strip()[:_LONGEST] for name in FIELDS}
    # Exactly the catalog's or Amazon's SKU, set by a link: a trailing blank belongs to it.
    values["product"] = params.get("product", "")[:_LONGEST]
    effective = _with_words_of(search, values, errors)
    fields: dict[str, Any] = {}
    for name, field in _FIELDS.items():
        if text := effective[name]:
            try:
                fields[field.attribute] = field.read(text)
            except (ValueError, LookupError, OverflowError):
                errors[name if values[name] else "q"] = (
                    gettext_noop("“{value}” is not valid here. Expected: {expected}"),
                    {"value": text, "expected": field.expected},
                )
    if "buyer" in fields and not may_see_buyers:
        where = "buyer" if values["buyer"] else "q"
        errors[where] = (gettext_noop("Only operators can search by buyer."), {})
    if params.get("product") == "-":
        fields["product"] = ""
    if "sort" in fields:
        fields["sort"], fields["descending"] = fields["sort"]
    if "ship_by_before" in fields:
        # By the minute, so that a page and the next one share their count.
        fields["ship_by_before"] += now.replace(second=0, microsecond=0)
        if effective["sort"] in ("", "-purchased"):
            fields["sort"], fields["descending"] = SORTS["ship-by"]
    query = OrderQuery(**fields)
    if not query.has_index_for_its_sort:
        errors["sort"] = (gettext_noop("Only blocked orders can be sorted by ship-by date."), {})
    return OrderFilter(search, values, OrderQuery() if errors else query, errors)


def _with_words_of(
    search: str, values: Mapping[str, str], errors: dict[str, tuple[str, Mapping[str, str]]]
) -> Mapping[str, str]:
    effective = dict(values)
    for match in _WORD.finditer(search):
        name, value = match[1] or "number", match[2] or match[3] or ""
        if name not in FIELDS:
            errors["q"] = (
                gettext_noop("There is no field “{name}”. The fields are: {fields}"),
                {"name": name, "fields": ", ".join(FIELDS)},
            )
        elif effective[name] and effective[name] != value:
            errors["q"] = (gettext_noop("“{name}” is given twice."), {"name": name})
        else:
            effective[name] = value
    return effective
