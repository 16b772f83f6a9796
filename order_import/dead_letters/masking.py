"""Masking: a message as people may read it, whatever it is, without a buyer in it.

A dead letter is by its nature not what was expected, so it is not the buyer's fields that are
looked for. What is shown are values of fields that are known to have nothing of a buyer, as far
as they have the form of their field.
"""

import re
from typing import Any

from handlers.payloads.json_text import looks_like_object, parse_json
from order_import.dead_letters.forms import field_has_form

MASK = "***"

_PERSONAL = (
    *("buyer", "recipient", "customer", "address", "shipto", "contact", "name", "phone", "mail"),
    *("postal", "taxinfo", "taxid", "taxclass", "gift", "custom", "payment"),
)
"""A field with any of these in its name is hidden with all that is in it."""

_NOT_PERSONAL = frozenset({"marketplacename", "channelname"})
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
_FIELD_NAME = re.compile(r"[A-Za-z_$@][\w.$-]{0,63}", re.ASCII)
_FIELD_IN_TEXT = re.compile(r'("[A-Za-z_$@][\w.$-]{0,63}")(?=\s*:)', re.ASCII)
_ESCAPED = re.compile(r"\\x[0-9a-f]{2}")


def masked(value: Any, field: str = "") -> Any:
    """Give a JSON value with everything hidden that may be a buyer's.

    Names of fields, true, false and null are shown, and the values of well-known fields that have
    the form of their field.

    Raises:
        RecursionError: It is nested beyond all reason.
    """
    plain = _plain(field)
    match value:
        case dict() if _is_personal(plain):
            return {masked_name(name): _hidden(part) for name, part in value.items()}
        case dict():
            return {masked_name(name): masked(part, name) for name, part in value.items()}
        case list():
            return [_hidden(part) if _is_personal(plain) else masked(part, field) for part in value]
        case None | bool():
            return value
        case str() if looks_like_object(value) and not _is_personal(plain):
            try:
                return masked(parse_json(value))  # what an envelope holds
            except ValueError:
                return MASK
        case _:
            return value if field_has_form(field, value) else MASK


def masked_text(text: str) -> str:
    r"""Give the shape of a text that is no JSON: names of fields, marks, and `x` for the rest.

    Bytes that are no text stand there as `\xff` and stay.
    """
    parts = _FIELD_IN_TEXT.split(text)
    return "".join(part if at % 2 else _shape(part) for at, part in enumerate(parts))


def _shape(text: str) -> str:
    kept, at = [], 0
    for escaped in _ESCAPED.finditer(text):
        kept += [_crossed_out(text[at : escaped.start()]), escaped[0]]
        at = escaped.end()
    return "".join([*kept, _crossed_out(text[at:])])


def _crossed_out(text: str) -> str:
    return "".join("x" if one.isalnum() else one for one in text)


def _plain(field: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", field.lower())


def _is_personal(plain: str) -> bool:
    return plain not in _NOT_PERSONAL and any(part in plain for part in _PERSONAL)


def masked_name(name: str) -> str:
    """Return a name that looks like a field's or a header's; anything else masked."""
    return name if _FIELD_NAME.fullmatch(name) else MASK


def _hidden(value: Any) -> Any:
    match value:
        case dict():
            return {masked_name(name): _hidden(part) for name, part in value.items()}
        case list():
            return [_hidden(part) for part in value]
        case None | bool():
            return value
        case _:
            return MASK
