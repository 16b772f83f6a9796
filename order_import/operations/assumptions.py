"""Assumptions: hypothetical facts for a dry run that asks which orders a fix would release."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from models.base import Identifier, Sku, UtcTime
from models.keys import DEFAULT_STOCK, listing_key
from models.reference_data import CountsOrdersFrom, Listing, Match, Product, Store

_FORM = re.compile(r"(?P<kind>[a-z]+):(?P<name>.+?):(?P<fields>[A-Za-z_]+=.*)")
_EXPECTED = (
    "expected product:SKU:field=value, stock:ID/SKU:quantity=number, store:ID:field=value, "
    "listing:STORE/SELLERSKU:sku=CATALOGSKU or listing:STORE/SELLERSKU:components=2*SKU,1*SKU; "
    "several fields are joined by commas"
)
_COMPONENT = re.compile(r"(?P<quantity>[0-9]{1,9})\*(?P<sku>.+)")
_NEXT_COMPONENT = re.compile(r",(?=[0-9]+\*)")
"""A SKU may have commas of its own: only one before a quantity begins another component."""


class BadAssumption(ValueError):  # noqa: N818 - an answer, not a mistake of the program
    """An assumption is invalid. The message is one line that names the field."""


@dataclass(slots=True)
class Assumptions:
    """Hypothetical facts: fields of products and stores by id, and matches by listing key.

    `stock` are quantities by stock and SKU.
    """

    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    matches: dict[str, Match] = field(default_factory=dict)
    stock: dict[tuple[str, str], float] = field(default_factory=dict)

    def product(self, sku: str, stored: Product | None, at: datetime) -> Product:
        """Return a product as assumed. An unknown one is enabled, with managed stock of zero."""
        base = stored or Product(sku=sku, enabled=True, as_of=at)
        return base.model_copy(update=self.products.get(sku, {}))

    def quantities(self, stock_id: str) -> dict[str, float]:
        """Return the assumed quantities of a stock, by SKU. A product's is that of `default`."""
        of_products = {
            sku: fields["salable_quantity"]
            for sku, fields in self.products.items()
            if "salable_quantity" in fields
        }
        of_stock = {sku: units for (stock, sku), units in self.stock.items() if stock == stock_id}
        return (of_products if stock_id == DEFAULT_STOCK else {}) | of_stock

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
            case "stock":
                stock_id, slash, sku = name.partition("/")
                if not (stock_id and slash and sku):
                    raise BadAssumption(f"{text}: {name}: expected STOCK/SKU")
                values = _parse_fields(text, [fields], _STOCK)
                assumed.stock[stock_id, sku] = values["quantity"]
            case "store":
                values = _parse_fields(text, fields.split(","), _STORE)
                assumed.stores.setdefault(name, {}).update(values)
            case "listing":
                store_id, slash, seller_sku = name.partition("/")
                if not (store_id and slash and seller_sku):
                    raise BadAssumption(f"{text}: {name}: expected STORE/SELLERSKU")
                values = _parse_fields(text, [fields], _LISTING)
                (assumed.matches[listing_key(store_id, seller_sku)],) = values.values()
            case _:
                raise BadAssumption(f"{text}: {kind}: expected product, stock, store or listing")
    return assumed


def _parse_fields(
    text: str, assignments: Iterable[str], forms: Mapping[str, TypeAdapter[Any]]
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise BadAssumption(f"{text}: {name or 'after the last comma'}: expected field=value")
        if name not in forms:
            raise BadAssumption(f"{text}: {name}: expected one of {', '.join(forms)}")
        try:
            fields[name] = forms[name].validate_python(value)
        except ValueError:
            raise BadAssumption(f"{text}: {name}: expected {_EXPECTED_VALUES[name]}") from None
    return fields


def _split_components(value: str) -> list[dict[str, object]]:
    """Return the components of a kit, not yet validated."""
    parts = [_COMPONENT.fullmatch(part) for part in _NEXT_COMPONENT.split(value)]
    return [
        {"quantity": int(part["quantity"]), "sku": part["sku"]} if part else {} for part in parts
    ]


def _components(value: str) -> Match:
    """Return a kit's components, which are valid if those of a listing with nothing else are."""
    names = {"store_id": "-", "seller_sku": "-", "updated_at": "1970-01-01T00:00:00Z"}
    return Listing.model_validate(names | {"components": _split_components(value)}).match


_BOOLEAN: TypeAdapter[Any] = TypeAdapter(Annotated[bool, BeforeValidator(("false", "true").index)])
_SKU: TypeAdapter[Any] = TypeAdapter(Sku)
_STOCK_ID: TypeAdapter[Any] = TypeAdapter(Identifier)
_TIME: TypeAdapter[Any] = TypeAdapter(UtcTime)
_COUNTS_FROM: TypeAdapter[Any] = TypeAdapter(CountsOrdersFrom)
_COMPONENTS: TypeAdapter[Any] = TypeAdapter(Annotated[Any, BeforeValidator(_components)])
_QUANTITY: TypeAdapter[Any] = TypeAdapter(
    Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
)

_PRODUCT = {"enabled": _BOOLEAN, "manage_stock": _BOOLEAN, "salable_quantity": _QUANTITY}
_STOCK = {"quantity": _QUANTITY}
_STORE = {
    "import_amazon_orders": _BOOLEAN,
    "import_non_amazon_orders": _BOOLEAN,
    "fba_requires_stock": _BOOLEAN,
    "integrated_at": _TIME,
    "stock_id": _STOCK_ID,
    "reserve_pending": _BOOLEAN,
    "commerce_counts_orders_from": _COUNTS_FROM,
}
_LISTING = {"sku": _SKU, "components": _COMPONENTS}

_EXPECTED_VALUES = {
    **{name: "true or false" for name, form in (_PRODUCT | _STORE).items() if form is _BOOLEAN},
    "salable_quantity": "a number of units",
    "quantity": "a number of units",
    "stock_id": "the id of a stock",
    "integrated_at": "a date-time such as 2026-01-01T00:00:00Z",
    "commerce_counts_orders_from": "acknowledged, shipped or never",
    "sku": "a catalog SKU",
    "components": "1 to 20 components such as 2*SKU, each of 1 to 10000 units, joined by commas",
}
