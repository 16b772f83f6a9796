"""Assumptions: facts that are not so, for a dry run that asks what a fix would free."""

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
    """An assumption cannot be made. The message is one line that names the field."""


@dataclass(slots=True)
class Assumptions:
    """Hypothetical facts: fields of products and stores by id, and matches by listing key."""

    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    matches: dict[str, str] = field(default_factory=dict)

    def product(self, sku: str, known: Product | None, at: datetime) -> Product:
        """Give a product as assumed. An unknown one is enabled, stock managed, none there."""
        base = known or Product(sku=sku, enabled=True, salable_quantity=0, as_of=at)
        return base.model_copy(update=self.products[sku])

    def store(self, known: Store) -> Store:
        """Give a store as assumed."""
        return known.model_copy(update=self.stores.get(known.store_id, {}))


def parse_assumptions(texts: Iterable[str]) -> Assumptions:
    """Read assumptions; a later one about the same field wins.

    Raises:
        BadAssumption: One cannot be read.
    """
    assumed = Assumptions()
    for text in texts:
        found = _FORM.fullmatch(text)
        if found is None:
            raise BadAssumption(f"{text}: {_EXPECTED}")
        kind, name, fields = found["kind"], found["name"], found["fields"]
        match kind:
            case "product":
                told = _fields(text, fields.split(","), _PRODUCT)
                assumed.products.setdefault(name, {}).update(told)
            case "store":
                told = _fields(text, fields.split(","), _STORE)
                assumed.stores.setdefault(name, {}).update(told)
            case "listing":
                store_id, slash, seller_sku = name.partition("/")
                if not (store_id and slash and seller_sku):
                    raise BadAssumption(f"{text}: {name}: expected STORE/SELLERSKU")
                told = _fields(text, [fields], _LISTING)
                assumed.matches[listing_key(store_id, seller_sku)] = told["sku"]
            case _:
                raise BadAssumption(f"{text}: {kind}: expected product, store or listing")
    return assumed


def _fields(
    text: str, assignments: Iterable[str], known: Mapping[str, Callable[[str], Any]]
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise BadAssumption(f"{text}: {name or 'after the last comma'}: expected field=value")
        if name not in known:
            raise BadAssumption(f"{text}: {name}: expected one of {', '.join(known)}")
        try:
            fields[name] = known[name](value)
        except ValueError:
            raise BadAssumption(f"{text}: {name}: expected {_EXPECTED_OF[name]}") from None
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

_EXPECTED_OF = {
    **{name: "true or false" for name, read in (_PRODUCT | _STORE).items() if read is _boolean},
    "salable_quantity": "a number of units",
    "integrated_at": "a date-time such as 2026-01-01T00:00:00Z",
    "sku": "a catalog SKU",
}
