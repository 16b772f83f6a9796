"""JSON from outside: in the value of a message, or as text inside other JSON."""

import re
from typing import Any, Final

from pydantic_core import from_json

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
BLANK: Final = " \t\r\n\ufeff"
"""What may surround JSON."""

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}".encode()

_LONE_SURROGATE: Final = re.compile(
    rb"""
    (?<! \\ ) ( (?: \\\\ )* )  # a backslash before the escape is escaped itself
    (?:
      \\u[dD][89abAB][0-9a-fA-F]{2} (?! \\u[dD][c-fC-F][0-9a-fA-F]{2} )
    | (?<! \\u[dD][89abAB][0-9a-fA-F]{2} ) \\u[dD][c-fC-F][0-9a-fA-F]{2}
    )
    """,
    re.VERBOSE,
)
"""Half of a surrogate pair, as an escape."""

_CUT_SEQUENCE: Final = re.compile(
    rb"""
      \xed[\xa0-\xbf][\x80-\xbf]
    | (?: [\xe0-\xef][\x80-\xbf] | [\xf0-\xf4][\x80-\xbf]{1,2} ) (?= \\*" )
    """,
    re.VERBOSE,
)
"""A surrogate as bytes, or a text that ends inside a UTF-8 sequence. Two bytes of the sequence must
be there: a single one could be Latin-1."""

_FORMATS: Final = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"{\0": "UTF-16",
    b"\0{": "UTF-16",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\x03\x04": "a ZIP file",
    b"\0": "binary data, perhaps a schema registry's",
    b"<": "XML or HTML",
    b"eyJ": "Base64",
}
"""How other formats begin, and what they are called."""


def parse_json(text: bytes | str) -> Any:
    """Parse JSON in UTF-8, with or without a byte order mark.

    Half a character becomes a replacement character: a text that was cut is no reason to lose its
    order. The result can always be encoded as UTF-8.

    Raises:
        ValueError: It is not JSON. The error is a full description, and quotes nothing of the text.
    """
    raw = (text if isinstance(text, bytes) else text.encode()).removeprefix(BYTE_ORDER_MARK)
    try:
        return _parse(raw)
    except ValueError:
        try:
            return _parse(with_whole_letters(raw))
        except ValueError as error:
            raise ValueError(_problem(raw, error)) from None


def looks_like_object(text: str) -> bool:
    """Return whether a text is meant to be a JSON object, encoded once more as a string."""
    return text.lstrip(BLANK).startswith("{")


def with_whole_letters(raw: bytes) -> bytes:
    """Replace what is left of a character if a text was cut inside it."""
    raw = _LONE_SURROGATE.sub(rb"\1" + _REPLACEMENT, raw)
    return _CUT_SEQUENCE.sub(_REPLACEMENT, raw)


def _parse(raw: bytes) -> Any:
    return from_json(raw, allow_inf_nan=False, cache_strings="keys")


def _problem(raw: bytes, error: ValueError) -> str:
    start = raw.lstrip()[:4]
    for beginning, name in _FORMATS.items():
        if start.startswith(beginning):
            return f"expected JSON in UTF-8, not {name}"
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        line = raw.count(b"\n", 0, broken.start) + 1
        return f"expected JSON in UTF-8, but line {line} is in another encoding"
    return f"expected JSON: {error}"
