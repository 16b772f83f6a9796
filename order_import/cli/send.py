"""`send`: publish the documents of files or standard input, each unchanged and under its key."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from handlers.payloads.json_text import BLANK, looks_like_object, parse_json, with_whole_letters
from models import keys
from models.topics import MAX_MESSAGE_BYTES, TopicName
from order_import.cli.context import CommandRefused, read_settings, run
from order_import.cli.options import AsJson
from order_import.cli.output import print_json, progress_bar, stderr, stdout
from order_import.operations.install import require_topic
from order_import.operations.publish import Message, SendingBroke, send_messages
from order_import.settings import Settings

STDIN = "-"
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON document: its place (`file:line`), its bytes, and the parsed value."""

    where: str
    raw: bytes
    body: Any


def read_source(name: str) -> bytes:
    """Return the bytes of a file, or of standard input for `-`.

    Raises:
        CommandRefused: The file cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise CommandRefused(f"{name}: cannot be read: {error.strerror}") from error


def cut_documents(name: str, data: bytes) -> Iterator[Document]:
    """Divide a file into documents: one JSON value, an array of them, or one per line.

    The bytes of a document are unchanged, apart from surrounding whitespace in arrays and lines.

    Raises:
        CommandRefused: A part is not JSON; the message names the file, the line and the reason.
    """
    text = _decode(name, data)
    if not text.strip(_SPACE):
        raise CommandRefused(f"{name}:1: expected JSON, found nothing")
    try:
        body = json.loads(text)
    except ValueError as error:
        # Concatenated files may have a byte order mark in the middle.
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


def _decode(name: str, data: bytes) -> str:
    """Return the text of a file without its byte order mark; lone surrogates are accepted."""
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
    """Yield each element of a JSON array with its own bytes, so that no number is reformatted."""
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


class Kind(StrEnum):
    """The kinds of documents that can be sent."""

    ORDERS = "orders"
    PRODUCTS = "products"
    STOCK = "stock"
    LISTINGS = "listings"
    STORES = "stores"
    ORDER_UPDATES = "order-updates"


TOPICS: Mapping[Kind, TopicName] = {kind: TopicName[kind.name] for kind in Kind}

DELETABLE = frozenset({Kind.PRODUCTS, Kind.STOCK, Kind.LISTINGS})
"""The kinds that a null value deletes."""

_ORDER_ID_NAMES = ("amazon_order_id", "AmazonOrderId", "amazonOrderId", "orderId")
_MAX_DEPTH = 8
"""An ORDER_CHANGE has its order id on the third level, inside the envelopes of AWS."""


def order_id_in(body: Any) -> str | None:
    """Find the Amazon order id in a document of any format; None for a list of orders.

    The outermost id wins. Lists are not searched: their elements are not the order itself.
    """
    level = [body]
    for _ in range(_MAX_DEPTH):
        objects = [value for value in map(_unwrap, level) if isinstance(value, dict)]
        for fields in objects:
            for name in _ORDER_ID_NAMES:
                if isinstance(fields.get(name), str) and fields[name]:
                    return str(fields[name])
        level = [value for fields in objects for value in fields.values()]
    return None


def _unwrap(value: Any) -> Any:
    """Parse a text that is itself JSON, such as a notification in an envelope of AWS."""
    try:
        return parse_json(value) if isinstance(value, str) and looks_like_object(value) else value
    except ValueError:
        return None


def make_key(kind: Kind, document: Document) -> str | None:
    """Return the key under which a document is published.

    Raises:
        CommandRefused: A fact lacks the fields of its key.
    """
    if kind is Kind.ORDERS:
        return order_id_in(document.body)
    return _FACT_KEYS[kind](document)


def _text(document: Document, name: str) -> str | None:
    body = document.body
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value else None


def _required(document: Document, name: str) -> str:
    value = _text(document, name)
    if value is None:
        raise CommandRefused(f"{document.where}: {name}: expected a string")
    return value


def _stock_item_key(document: Document) -> str:
    return keys.stock_item_key(_required(document, "stock_id"), _required(document, "sku"))


def _listing_key(document: Document) -> str:
    return keys.listing_key(_required(document, "store_id"), _required(document, "seller_sku"))


def _update_key(document: Document) -> str:
    commerce_order_id = _text(document, "commerce_order_id")
    if commerce_order_id is not None:
        return commerce_order_id
    store_id, order_id = _text(document, "store_id"), _text(document, "amazon_order_id")
    if store_id is None or order_id is None:
        raise CommandRefused(
            f"{document.where}: expected commerce_order_id, or store_id and amazon_order_id"
        )
    return keys.commerce_order_id(keys.order_key(store_id, order_id))


_FACT_KEYS: Mapping[Kind, Callable[[Document], str]] = {
    Kind.PRODUCTS: lambda document: _required(document, "sku"),
    Kind.STORES: lambda document: _required(document, "store_id"),
    Kind.STOCK: _stock_item_key,
    Kind.LISTINGS: _listing_key,
    Kind.ORDER_UPDATES: _update_key,
}


_SHOWS_PROGRESS_FROM = 1000
_OVERHEAD = 4096
"""Maximum bytes of a message in addition to its value."""


def send(
    kind: Annotated[Kind, typer.Argument(help="The content of the files.", show_default=False)],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE…",
            help="JSON (a document, or an array of them), JSON lines, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="ID", help="The store of the orders.")
    ] = None,
    delete: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Delete a product (SKU), its units in a stock (stock/SKU) or a listing "
            "(store/seller SKU).",
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Send each file as one message, whatever its content.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish orders, or the reference data that they are checked against.

    All files are read before anything is sent. Each document is sent byte for byte.
    """
    deleted = delete or []
    if not files and not deleted:
        raise typer.BadParameter("expected a file, or - for standard input", param_hint="FILE…")
    if deleted and kind not in DELETABLE:
        raise typer.BadParameter(f"{kind} cannot be deleted", param_hint="--delete")
    if (files or []).count(STDIN) > 1:
        raise typer.BadParameter("standard input can only be read once", param_hint="FILE…")
    settings = read_settings()
    messages = [
        Message(TOPICS[kind], None if raw else make_key(kind, document), document.raw, store)
        for document in _documents(files or [], raw=raw)
    ]
    messages += [Message(TOPICS[kind], key, None) for key in deleted]
    sent = run(_send(settings, TOPICS[kind], messages))
    if as_json:
        print_json({"topic": settings.topic_prefix + TOPICS[kind], "sent": sent})
    else:
        noun = "message" if sent == 1 else "messages"
        stdout().print(f"sent {sent} {noun} to {settings.topic_prefix}{TOPICS[kind]}")


def _documents(files: list[str], *, raw: bool) -> Iterator[Document]:
    for name in files:
        data = read_source(name)
        documents = [Document(f"{name}:1", data, None)] if raw else cut_documents(name, data)
        for document in documents:
            limit = MAX_MESSAGE_BYTES - _OVERHEAD
            if len(document.raw) > limit:
                raise CommandRefused(f"{document.where}: expected at most {limit} bytes")
            yield document


async def _send(settings: Settings, topic: str, messages: list[Message]) -> int:
    await require_topic(settings, topic)
    hidden = len(messages) <= _SHOWS_PROGRESS_FROM
    with progress_bar(stderr(), "sending", len(messages), hidden=hidden) as progress:
        try:
            return await send_messages(settings, messages, progress)
        except SendingBroke as error:
            raise CommandRefused(
                f"Kafka does not answer: {error}; {error.sent} of {len(messages)} messages were "
                "sent, in order. Sending all of them again is safe."
            ) from error
