"""The guides for integrators show the programs that are tested, and the client's README runs."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = {
    "docs/how-to/publish.md": ["publish_order.py"],
    "docs/how-to/consume.md": ["consume_orders.py", "acknowledge_orders.py"],
}
MOST_LINES = 15
"""What a consumer may take, without its imports."""


def python_in(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def program(name: str) -> str:
    return (ROOT / "examples" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", GUIDES)
def test_a_guide_shows_the_programs_that_are_tested(page: str) -> None:
    """When this fails: copy the program of examples/ into the page."""
    assert python_in(page) == [program(name) for name in GUIDES[page]]


@pytest.mark.parametrize("page", GUIDES)
def test_a_guide_runs_the_programs_that_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in re.findall(r"examples/\S+\.py", text):
        assert (ROOT / path).exists()


def test_a_consumer_takes_fifteen_lines() -> None:
    tree = ast.parse(program("consume_orders.py"))
    skipped = {
        line
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    lines = [
        line
        for number, line in enumerate(program("consume_orders.py").splitlines(), 1)
        if line.strip() and number not in skipped
    ]
    assert len(lines) <= MOST_LINES


async def test_the_test_in_the_client_s_readme_passes() -> None:
    (source,) = python_in("clients/python/README.md")
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - our own document
    await names["test_an_order_is_counted_once"]()


def test_the_client_s_readme_leads_somewhere() -> None:
    readme = ROOT / "clients" / "python" / "README.md"
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", readme.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (readme.parent / link).exists()] == []
