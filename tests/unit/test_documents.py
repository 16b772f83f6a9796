"""Documents name files, and names in files, that are there."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
TOP = "|".join(
    re.escape(path.name) for path in sorted(ROOT.iterdir()) if path.is_dir() and path.name != ".git"
)
FILE = re.compile(
    rf"`((?:{TOP})/[\w./-]*|[\w-]+/|[\w.-][\w./-]*\.(?:json|jsonl|md|py|sha256|svg|toml|txt|yml))`"
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
NAMES = re.compile(r"((?:`[\w.]+`(?:, | and | or )?)+) (?:in |\()`([\w./-]+\.py)`")
MADE = (".bench/", ".cache/", ".data/", ".venv/", ".venv-bench/")
"""Folders that a command makes."""


def missing_files(text: str) -> list[str]:
    paths = [path for path in FILE.findall(text) if not path.startswith(MADE)]
    return [path for path in paths if not (ROOT / path).exists()]


def missing_names(text: str) -> list[str]:
    return [
        f"{name} in {path}"
        for names, path in NAMES.findall(text)
        for name in re.findall(r"`([\w.]+)`", names)
        if not re.search(rf"\b{name.split('.')[-1]}\b", (ROOT / path).read_text())
    ]


every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


@every_document
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    assert missing_files(document.read_text(encoding="utf-8")) == []


@every_document
def test_every_name_that_a_document_gives_a_file_is_in_it(document: Path) -> None:
    assert missing_names(document.read_text(encoding="utf-8")) == []


@every_document
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_a_file_that_is_not_there_is_found() -> None:
    text = (
        "`models/gone.py` `models/keys.py` `nowhere.toml` `lost/` `storage/` `.data/up` `order_id`"
    )
    assert missing_files(text) == ["models/gone.py", "nowhere.toml", "lost/"]


def test_a_name_that_is_not_in_its_file_is_found() -> None:
    text = "`order_key` and `gone` in `models/keys.py`; `Order.lost` (`models/keys.py`)"
    assert missing_names(text) == ["gone in models/keys.py", "Order.lost in models/keys.py"]


def test_the_changelog_starts_with_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == version
