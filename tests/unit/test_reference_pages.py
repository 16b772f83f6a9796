"""The documents: generated pages are current, links lead somewhere, the tutorial is true."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from models.topics import TopicName
from order_import.cli.explain import show_history
from order_import.devtools.demo.catalog import make_stores
from order_import.devtools.reference import DIRECTORY, reference_files
from order_import.settings import Settings
from storage.queries import OrderHistory
from tests.builders import INTEGRATED, NOW
from tests.unit.kit import World

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TUTORIAL = (ROOT / "docs" / "tutorial" / "first-look.md").read_text(encoding="utf-8")
DATE = "$(date -u +%FT%TZ)"


@pytest.mark.parametrize("name", reference_files())
def test_the_committed_page_is_the_generated_one(name: str) -> None:
    """When this fails: make reference."""
    assert (DIRECTORY / name).read_text(encoding="utf-8") == reference_files()[name]


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


async def test_the_tutorial_is_true() -> None:
    order, product = (
        re.search(pattern, TUTORIAL, re.DOTALL)
        for pattern in (r"<<EOF\n(.*?)EOF\n", r"echo '(.*?)' \|")
    )
    assert order
    assert product
    body = order[1].replace(DATE, NOW.isoformat())
    larger = body.replace("0000001-0000001", "0000002-0000002")
    world = World()
    await world.tell(
        TopicName.STORES, *(one.store.model_dump(mode="json") for one in make_stores(INTEGRATED))
    )

    await world.tell(TopicName.ORDERS, json.loads(body))
    assert_shown(world, "111-0000001-0000001", "Blocked. ", "MUG-BLUE: ", "→ Create the product")

    mug = json.loads(product[1].replace(f"'{DATE}'", NOW.isoformat()))
    await world.tell(TopicName.PRODUCTS, mug)
    assert_shown(world, "111-0000001-0000001", "Created. ", "Commerce order 111-0000001-0000001: ")

    await world.tell(TopicName.ORDERS, json.loads(larger.replace('"quantity": 2', '"quantity": 9')))
    assert_shown(world, "111-0000002-0000002", "MUG-BLUE: ", "→ Update the product's quantity")


def assert_shown(world: World, order_id: str, *beginnings: str) -> None:
    """What the tutorial shows of these lines is what `explain` prints."""
    key = f"harbor-us/{order_id}"
    record = world.order(key)
    commerce = [one for one in world.storage.contents.commerce_orders.values() if one.key == key]
    out = io.StringIO()
    history = OrderHistory(record, (), {}, next(iter(commerce), None), None)
    show_history(Console(file=out, width=200), history)
    printed, expected = (
        {re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", line).strip() for line in text.splitlines()}
        for text in (out.getvalue(), TUTORIAL)
    )
    for beginning in beginnings:
        assert [line for line in printed & expected if line.startswith(beginning)], beginning
