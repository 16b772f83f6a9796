"""The contract as a page for people: HTML without scripts or styles, for the console and docs."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

Schema = Mapping[str, Any]

_PREFIX = "#/components/schemas/"
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
    "minLength": "at least this many characters:",
    "maxLength": "at most this many characters:",
    "maxItems": "at most this many:",
    "pattern": "as in",
}


def contract_page(document: Mapping[str, Any]) -> str:
    """Return the page of an AsyncAPI document, as the content of an element. It loads nothing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"prose": _prose, "kind": describe_type, "example": _example}
    return environment.get_template("page.html").render(document=document)


def _prose(text: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _example(value: object) -> Markup:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return Markup(str(escape(text)).replace("&#34;", '"'))  # noqa: S704 - escaped


def describe_type(schema: Schema) -> Markup:
    """Return what a schema allows, in words, with links to the parts that it refers to."""
    limits = [
        Markup("{} {}").format(words, _code(schema[name]))
        for name, words in _LIMITS.items()
        if name in schema
    ]
    kinds = Markup(" or ").join(_kinds(schema)) or Markup("anything")
    return Markup(", ").join([kinds, *limits])


def _kinds(schema: Schema) -> Iterator[Markup]:
    match schema:
        case {"$ref": str(reference)}:
            name = reference.removeprefix(_PREFIX)
            yield Markup('<a href="#schema-{0}">{0}</a>').format(name)
        case {"const": value}:
            yield _code(value)
        case {"enum": list(values)}:
            yield Markup(", ").join(map(_code, values))
        case {"type": "object", "anyOf": list(options)} if _only_required(options):
            names = [name for option in options for name in option["required"]]
            joined = Markup(" or ").join(map(_code, names))
            yield Markup("object with {}").format(joined)
        case {"anyOf": [{"enum": list(values)}, {"type": "string"}]}:
            yield Markup(", ").join(map(_code, values)) + "; others may follow"
        case {"anyOf": list(options)} | {"oneOf": list(options)}:
            yield from map(describe_type, options)
        case {"type": "array"}:
            yield Markup("list of {}").format(describe_type(schema.get("items", {})))
        case {"type": kind}:
            yield escape(schema.get("format", kind))
        case _:
            pass


def _only_required(options: list[Schema]) -> bool:
    return all(option.keys() == {"required"} for option in options)


def _code(value: object) -> Markup:
    text = value if isinstance(value, str) else json.dumps(value)
    return Markup("<code>{}</code>").format(text)
