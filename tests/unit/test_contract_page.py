"""The contract for people: whole, linked, and the same in the console and the documentation."""

import re
from collections import Counter
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any

import pytest

from order_import.devtools.contract.document import asyncapi_document
from order_import.devtools.contract.page import contract_page, describe_type
from order_import.devtools.reference import CONTRACT_PAGE
from tests.unit.console_kit import a_client, a_context

DOCUMENT = asyncapi_document()
PAGE = contract_page(DOCUMENT)


class Elements(HTMLParser):
    """The ids, links and open elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.open.append(tag)
        for name, value in attrs:
            self.attributes[name] += 1
            if name == "id":
                self.ids[value or ""] += 1
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


ELEMENTS = Elements(PAGE)


def test_the_committed_page_is_the_generated_one() -> None:
    """When this fails: make reference."""
    assert CONTRACT_PAGE.read_text(encoding="utf-8") == PAGE


def test_it_is_well_formed_and_every_link_leads_somewhere() -> None:
    assert ELEMENTS.open == []
    assert [name for name, count in ELEMENTS.ids.items() if count > 1] == []
    inside = [link for link in ELEMENTS.links if not link.startswith("https:")]
    assert [link for link in inside if link[:1] != "#" or link[1:] not in ELEMENTS.ids] == []


def test_it_loads_nothing() -> None:
    assert not ELEMENTS.tags.keys() & {"script", "style", "link", "img", "iframe", "object"}
    assert ELEMENTS.attributes.keys() <= {"id", "href", "tabindex", "role", "class", "aria-label"}


def test_it_has_every_topic_message_and_field() -> None:
    components = DOCUMENT["components"]
    topics, messages = DOCUMENT["channels"], components["messages"]
    assert {f"topic-{name}" for name in topics} <= ELEMENTS.ids.keys()
    assert {f"message-{name}" for name in messages} <= ELEMENTS.ids.keys()
    for schema in components["schemas"].values():
        for field in schema.get("properties", {}):
            assert f"<td><code>{field}</code></td>" in PAGE
    assert PAGE.count("<h3>") - PAGE.count('<section id="schema-') == sum(
        3 + len(message["examples"]) for message in messages.values()
    )


def test_a_text_is_escaped() -> None:
    document = deepcopy(DOCUMENT)
    document["info"]["description"] = "<script>`a<b`</script>"
    document["components"]["messages"]["Store"]["examples"][0]["payload"]["name"] = "<b>"
    page = contract_page(document)
    assert "&lt;script&gt;<code>a&lt;b</code>&lt;/script&gt;" in page
    assert '"name": "&lt;b&gt;"' in page
    assert "<script>" not in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        (
            {"anyOf": [{"$ref": "#/components/schemas/Money"}, {"type": "null"}]},
            '<a href="#schema-Money">Money</a> or null',
        ),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"enum": ["a", "b"], "type": "string"}, "<code>a</code>, <code>b</code>"),
        (
            {"anyOf": [{"enum": ["a", "b"]}, {"type": "string"}]},
            "<code>a</code>, <code>b</code>; others may follow",
        ),
        ({"const": "<1>"}, "<code>&lt;1&gt;</code>"),
        ({"type": "integer", "minimum": 1}, "integer, at least <code>1</code>"),
        (
            {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            "object with <code>a</code> or <code>b</code>",
        ),
        ({"description": "any bytes"}, "anything"),
    ],
)
def test_a_type_is_described_in_words(schema: dict[str, Any], words: str) -> None:
    assert describe_type(schema) == words


@pytest.mark.parametrize(("language", "title"), [("en", "Contract"), ("de", "Schnittstelle")])
async def test_the_console_shows_it_and_asks_no_server(language: str, title: str) -> None:
    async with a_client(a_context()) as client:
        page = await client.get("/contract", headers={"accept-language": language})
    assert page.status_code == 200
    assert PAGE.strip() in page.text
    assert re.search(rf'<a href="/contract" aria-current="page">{title}</a>', page.text)
