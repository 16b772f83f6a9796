"""`send`: publishes files."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.topics import MAX_MESSAGE_BYTES
from order_import.cli.documents import STDIN, Document, cut_documents, read_source
from order_import.cli.errors import CommandRefused
from order_import.cli.message_keys import DELETABLE, TOPICS, Kind, key_of
from order_import.cli.surroundings import read_settings, run
from order_import.output import print_json, stderr, stdout
from order_import.sending import Message, SendingBroke, send_messages, topic_exists
from order_import.settings import Settings

_SHOWS_PROGRESS_FROM = 1000
_OVERHEAD = 4096
"""Bytes of a message that are not its value, at most."""


def send(
    kind: Annotated[Kind, typer.Argument(help="What the files hold.", show_default=False)],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE…",
            help="JSON (one document, or an array of them), JSON lines, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="ID", help="The store the orders belong to.")
    ] = None,
    delete: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Delete a product (SKU) or a listing (store/seller SKU)."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Send each file as one message, whatever is in it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was sent as JSON.")] = False,
) -> None:
    """Publish orders, or facts they are judged by.

    All files are read before anything is sent, and each document goes out byte for byte as it is.
    """
    deleted = delete or []
    if not files and not deleted:
        raise typer.BadParameter("expected a file, or - for standard input", param_hint="FILE…")
    if deleted and kind not in DELETABLE:
        raise typer.BadParameter(f"{kind} cannot be deleted", param_hint="--delete")
    if (files or []).count(STDIN) > 1:
        raise typer.BadParameter("standard input can be read once", param_hint="FILE…")
    settings = read_settings()
    messages = [
        Message(TOPICS[kind], _key(kind, document, raw=raw), document.raw, store)
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
        found = [Document(f"{name}:1", data, None)] if raw else cut_documents(name, data)
        for document in found:
            if len(document.raw) > MAX_MESSAGE_BYTES - _OVERHEAD:
                most = MAX_MESSAGE_BYTES - _OVERHEAD
                raise CommandRefused(f"{document.where}: expected at most {most} bytes")
            yield document


def _key(kind: Kind, document: Document, *, raw: bool) -> str | None:
    return None if raw else key_of(kind, document)


async def _send(settings: Settings, topic: str, messages: list[Message]) -> int:
    if not await topic_exists(settings, topic):
        raise CommandRefused(
            f"topic {settings.topic_prefix}{topic} is not there yet; run: order-import init"
        )
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = len(messages) <= _SHOWS_PROGRESS_FROM
    with Progress(*columns, console=stderr(), disable=quiet, transient=True) as progress:
        bar = progress.add_task("", total=len(messages))
        try:
            return await send_messages(
                settings, messages, lambda sent: progress.update(bar, completed=sent)
            )
        except SendingBroke as error:
            raise CommandRefused(
                f"Kafka does not answer: {error}; {error.sent} of {len(messages)} messages were "
                "sent, in their order. Sending all of them again is safe."
            ) from error
