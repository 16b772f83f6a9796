"""The result of parsing one message."""

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from handlers.payloads.fields import EXPECTED
from models.amazon_order import AmazonOrder
from models.base import Value
from models.messages import Rejection


class ParseResult(Value):
    """The orders of one message, and why it, or a part of it, could not be read.

    Both may be there: a page with one bad order has the good ones, and the refusal names the bad
    one. Both are missing for an empty page, which is valid and says nothing.
    """

    orders: tuple[AmazonOrder, ...] = ()
    """In the order of the payload."""
    refusal: Rejection | None = None
    """Why the message also becomes a dead letter."""


SHOWN = 3
"""How many problems one message names; the others are counted."""

_QUOTED = 64

_TEXTS = {
    "missing": "required",
    "string_type": "expected a string",
    "string_too_short": "expected a string that is not empty",
    "string_too_long": "expected at most {max_length} characters",
    "string_pattern_mismatch": "expected text that matches {pattern}",
    "int_type": "expected a whole number",
    "greater_than_equal": "expected at least {ge}",
    "less_than_equal": "expected at most {le}",
    "tuple_type": "expected a list",
    "model_type": "expected an object",
}
"""Short texts for pydantic's own errors. `{...}` are limits of the field, never its value."""


def describe_problems(error: ValidationError, at: str) -> list[str]:
    """Return each problem as its field path and what was expected there.

    `at` is the path of the validated object in the message; empty for the message itself.
    """
    return [
        f"{_path(at, detail['loc'])}: {_expected(detail)}"
        for detail in error.errors(include_url=False, include_input=False)
    ]


def quote_id(text: str) -> str:
    """Return an id as a refusal may show it: short, on one line, without unprintable characters.

    Use it only for ids of orders, stores and marketplaces, never for a buyer's data.
    """
    shown = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return shown if len(shown) <= _QUOTED else f"{shown[:_QUOTED]}…"


def join_problems(problems: Iterable[str], comma: str = "; ") -> str:
    """Join the first few problems into one line, with the number of the others."""
    every = [*problems]
    more = len(every) - SHOWN
    return comma.join(every[:SHOWN]) + (f"{comma}and {more} more" if more > 0 else "")


def _path(at: str, loc: tuple[int | str, ...]) -> str:
    path = at
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")


def _expected(detail: ErrorDetails) -> str:
    if detail["type"] == EXPECTED:
        return detail["msg"]
    text = _TEXTS.get(detail["type"], "not as expected")
    return text.format_map(detail.get("ctx", {}))
