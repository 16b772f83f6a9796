"""Assumptions: hypothetical facts for a dry run that asks which orders a fix would release."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from models.base import Sku, UtcTime
from models.keys import listing_key
from models.reference_data import Product, Store

_FORM = re.compile(r"(?P<kind>[a-z]+):(?P<name>.+?):(?P<fields>[A-Za-z_]+=.*)")
_EXPECTED = (
    "expected product:SKU:field=value, store:ID:field=value or "
    "listing:STORE/SELLERSKU:sku=CATALOGSKU; several fields are joined by commas"
)


class BadAssumption(ValueError):  # noqa: N818 - an answer, not a mistake of the program
    """An assumption is invalid. The message is one line that names the field."""


@dataclass(slots=True)
class Assumptions:
    """Hypothetical facts: fields of products and stores by id, and SKUs by listing key."""

    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    matches: dict[str, str] = field(default_factory=dict)

    def product(self, sku: str, stored: Product | None, at: datetime) -> Product:
        """Return a product as assumed. An unknown one is enabled, with managed stock of zero."""
        base = stored or Product(sku=sku, enabled=True, salable_quantity=0, as_of=at)
        return base.model_copy(update=self.products.get(sku, {}))

    def store(self, stored: Store) -> Store:
        """Return a store as assumed."""
        return stored.model_copy(update=self.stores.get(stored.store_id, {}))


def parse_assumptions(texts: Iterable[str]) -> Assumptions:
    """Parse assumptions; a later one about the same field wins.

    Raises:
        BadAssumption: An assumption cannot be parsed.
    """
    assumed = Assumptions()
    for text in texts:
        parts = _FORM.fullmatch(text)
        if parts is None:
            raise BadAssumption(f"{text}: {_EXPECTED}")
        kind, name, fields = parts["kind"], parts["name"], parts["fields"]
        match kind:
            case "product":
                values = _parse_fields(text, fields.split(","), _PRODUCT)
                assumed.products.setdefault(name, {}).update(values)
            case "store":
                values = _parse_fields(text, fields.split(","), _STORE)
                assumed.stores.setdefault(name, {}).update(values)
            case "listing":
                store_id, slash, seller_sku = name.partition("/")
                if not (store_id and slash and seller_sku):
                    raise BadAssumption(f"{text}: {name}: expected STORE/SELLERSKU")
                values = _parse_fields(text, [fields], _LISTING)
                assumed.matches[listing_key(store_id, seller_sku)] = values["sku"]
            case _:
                raise BadAssumption(f"{text}: {kind}: expected product, store or listing")
    return assumed


def _parse_fields(
    text: str, assignments: Iterable[str], parsers: Mapping[str, Callable[[str], Any]]
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise BadAssumption(f"{text}: {name or 'after the last comma'}: expected field=value")
        if name not in parsers:
            raise BadAssumption(f"{text}: {name}: expected one of {', '.join(parsers)}")
        try:
            fields[name] = parsers[name](value)
        except ValueError:
            raise BadAssumption(f"{text}: {name}: expected {_EXPECTED_VALUES[name]}") from None
    return fields


def _boolean(value: str) -> bool:
    return ("false", "true").index(value) == 1


def _sku(value: str) -> str:
    return _SKU.validate_python(value)


def _quantity(value: str) -> float:
    return _QUANTITY.validate_python(value)


def _time(value: str) -> datetime:
    return _TIME.validate_python(value)


_SKU: TypeAdapter[str] = TypeAdapter(Sku)
_TIME: TypeAdapter[datetime] = TypeAdapter(UtcTime)
_QUANTITY: TypeAdapter[float] = TypeAdapter(
    Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
)

_PRODUCT = {"enabled": _boolean, "manage_stock": _boolean, "salable_quantity": _quantity}
_STORE = {
    "import_amazon_orders": _boolean,
    "import_non_amazon_orders": _boolean,
    "fba_requires_stock": _boolean,
    "integrated_at": _time,
}
_LISTING = {"sku": _sku}

_EXPECTED_VALUES = {
    **{name: "true or false" for name, parse in (_PRODUCT | _STORE).items() if parse is _boolean},
    "salable_quantity": "a number of units",
    "integrated_at": "a date-time such as 2026-01-01T00:00:00Z",
    "sku": "a catalog SKU",
}
