"""Assumptions on the command line: what they say, and one clear line where they say nothing."""

from datetime import UTC, datetime

import pytest

from models.reference_data import Component
from order_import.operations.assumptions import BadAssumption, parse_assumptions


def test_assumptions_are_read() -> None:
    found = parse_assumptions(
        [
            "product:A:B/C:enabled=true,salable_quantity=20",
            "product:A:B/C:enabled=false,manage_stock=false",
            "store:us:import_amazon_orders=true,integrated_at=2026-01-01T00:00:00Z",
            "store:us:fba_requires_stock=false,import_non_amazon_orders=true",
            "listing:us/A/1:sku=CAT,1",
            "stock:north/A/1:quantity=2.5",
            "store:de:stock_id=north",
            "store:de:reserve_pending=true,commerce_counts_orders_from=shipped",
            "listing:us/KIT:sku=MUG",
            "listing:us/KIT:components=6*MUG",
            "listing:us/SET:components=1*A,2B*C,10*A, 4,2*L,1*A",
        ]
    )
    assert found.products == {
        "A:B/C": {"enabled": False, "salable_quantity": 20.0, "manage_stock": False}
    }
    assert found.stores == {
        "us": {
            "import_amazon_orders": True,
            "fba_requires_stock": False,
            "import_non_amazon_orders": True,
            "integrated_at": datetime(2026, 1, 1, tzinfo=UTC),
        },
        "de": {
            "stock_id": "north",
            "reserve_pending": True,
            "commerce_counts_orders_from": "shipped",
        },
    }
    assert found.stock == {("north", "A/1"): 2.5}
    assert found.matches == {
        "us/A/1": "CAT,1",
        "us/KIT": (Component(sku="MUG", quantity=6),),
        "us/SET": (
            Component(sku="A,2B*C", quantity=1),
            Component(sku="A, 4", quantity=10),
            Component(sku="L", quantity=2),
            Component(sku="A", quantity=1),
        ),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("product:A:enabeld=true", "enabeld: expected one of enabled, manage_stock, salable_"),
        ("product:A:enabled=yes", "enabled: expected true or false"),
        ("product:A:salable_quantity=many", "salable_quantity: expected a number of units"),
        ("product:A:salable_quantity=nan", "salable_quantity: expected a number of units"),
        ("product:A:salable_quantity=1e13", "salable_quantity: expected a number of units"),
        ("product:A:enabled=true,", "after the last comma: expected field=value"),
        ("product:A:enabled=true,salable", "salable: expected field=value"),
        ("product:A", "expected product:SKU:field=value, stock:ID/SKU:quantity=number, store:ID"),
        ("produce:A:enabled=true", "produce: expected product, stock, store or listing"),
        ("store:us:name=x", "name: expected one of import_amazon_orders, import_non_amazon_orders"),
        ("store:us:integrated_at=soon", "integrated_at: expected a date-time such as 2026-01-01"),
        ("stock:north:quantity=2", "north: expected STOCK/SKU"),
        ("stock:north/A:quantity=many", "quantity: expected a number of units"),
        ("stock:north/A:salable_quantity=2", "salable_quantity: expected one of quantity"),
        ("store:us:stock_id=a/b", "stock_id: expected the id of a stock"),
        ("listing:us:sku=A", "us: expected STORE/SELLERSKU"),
        ("listing:us/A:sku=", "sku: expected a catalog SKU"),
        ("listing:us/A:product=B", "product: expected one of sku, components"),
        ("listing:us/A:components=", "components: expected 1 to 20 components such as 2*SKU"),
        ("listing:us/A:components=MUG", "components: expected 1 to 20 components such as 2*SKU"),
        ("listing:us/A:components=2*", "components: expected 1 to 20 components such as 2*SKU"),
        ("listing:us/A:components=-2*MUG", "components: expected 1 to 20 components such as"),
        ("listing:us/A:components=0*MUG", "components: expected 1 to 20 components such as"),
        ("listing:us/A:components=10001*MUG", "components: expected 1 to 20 components such as"),
        ("listing:us/A:components=2*MUG,1*", "components: expected 1 to 20 components such as"),
        (
            "listing:us/A:components=" + ",".join(f"1*{n}" for n in range(21)),
            "components: expected 1 to 20 components such as 2*SKU",
        ),
        ("store:us:reserve_pending=1", "reserve_pending: expected true or false"),
        (
            "store:us:commerce_counts_orders_from=always",
            "commerce_counts_orders_from: expected acknowledged, shipped or never",
        ),
        ("", "expected product:SKU"),
    ],
)
def test_a_typo_is_told_in_one_line_that_names_the_field(text: str, told: str) -> None:
    with pytest.raises(BadAssumption) as caught:
        parse_assumptions([text])
    assert str(caught.value).startswith(f"{text}: {told}")
    assert "\n" not in str(caught.value)
