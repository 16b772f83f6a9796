"""Documents: JSON files, JSON lines and standard input, cut into messages byte by byte as told."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.payloads.json_text import BLANK, with_whole_letters
from order_import.cli.errors import CommandRefused

STDIN = "-"
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON document: where it was found (`file:line`), its bytes, and what they say."""

    where: str
    raw: bytes
    body: Any


def read_source(name: str) -> bytes:
    """Give the bytes of a file, or of standard input for `-`.

    Raises:
        CommandRefused: The file cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise CommandRefused(f"{name}: cannot be read: {error.strerror}") from error


def cut_documents(name: str, data: bytes) -> Iterator[Document]:
    """Cut a file into documents: a JSON value, an array of them, or one a line.

    A file with one document gives its bytes unchanged; so does a line, and so does an element of
    an array, without the space around it.

    Raises:
        CommandRefused: Something is not JSON; the line says which file, where and why.
    """
    text = _decoded(name, data)
    if not text.strip(_SPACE):
        raise CommandRefused(f"{name}:1: expected JSON, found nothing")
    try:
        body = json.loads(text)
    except ValueError as error:
        # Files that were joined may have a byte order mark in the middle.
        numbered = enumerate(text.split("\n"), 1)
        lines = [(n, line.strip(BLANK)) for n, line in numbered if line.strip(BLANK)]
        if len(lines) == 1 or not _is_json(lines[0][1]):
            raise _not_json(name, error) from error
        yield from (_line(name, number, line) for number, line in lines)
        return
    if isinstance(body, list):
        yield from _elements(name, text)
    else:
        yield Document(f"{name}:1", data, body)


def _decoded(name: str, data: bytes) -> str:
    """Return the text of a file, without a byte order mark; half a letter does not matter."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return with_whole_letters(data).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise CommandRefused(f"{name}:{line}: expected UTF-8 text") from error


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _line(name: str, number: int, line: str) -> Document:
    try:
        body = json.loads(line)
    except ValueError as error:
        raise _not_json(name, error, number) from error
    return Document(f"{name}:{number}", line.encode(), body)


def _elements(name: str, text: str) -> Iterator[Document]:
    """Cut out each element of an array that is known to be JSON: no number is written anew."""
    decoder = json.JSONDecoder()
    at = _skip(text, text.index("[") + 1)
    while text[at] != "]":
        body, end = decoder.raw_decode(text, at)
        yield Document(f"{name}:{text.count(chr(10), 0, at) + 1}", text[at:end].encode(), body)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _not_json(name: str, error: ValueError, line: int | None = None) -> CommandRefused:
    if isinstance(error, json.JSONDecodeError):
        return CommandRefused(f"{name}:{line or error.lineno}: expected JSON: {error.msg}")
    return CommandRefused(f"{name}:{line or 1}: expected JSON")
