"""`sync`: request a sync now."""

from contextlib import AsyncExitStack
from typing import Annotated

import typer

from order_import.bootstrap import connect_reader, connect_storage
from order_import.cli.context import CommandRefused, read_settings, run
from order_import.cli.output import cell, print_json, stdout
from order_import.cli.replay_view import count_orders, show_summary, summary_as_json
from order_import.operations.replay import Summary, TopicMissing, open_sender
from order_import.operations.sync import ask_for_sync, sync_now
from order_import.settings import Settings
from streams.clock import now


def sync(
    store: Annotated[str | None, typer.Option(metavar="ID", help="Only this store.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the worker has carried it out.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recheck all blocked orders now, and complete the orders that Commerce has shipped."""
    try:
        summary = run(_sync(read_settings(), store, wait=wait))
    except TopicMissing as error:
        raise CommandRefused(f"topic {error} does not exist yet; run: order-import init") from None
    if as_json:
        results = (
            {}
            if summary is None
            else {"were_blocked": summary.answered, **summary_as_json(summary)}
        )
        print_json({"store_id": store, "carried_out": summary is not None, **results})
        return
    console = stdout()
    if summary is None:
        console.print("Requested a sync; not waiting for it.")
        return
    blocked = count_orders(summary.answered)
    console.print(cell(f"Sync carried out. Blocked before it: {blocked}.", "bold"))
    if summary.answered:
        show_summary(console, summary)


async def _sync(settings: Settings, store: str | None, *, wait: bool) -> Summary | None:
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(connect_storage(settings))
        reader = await stack.enter_async_context(connect_reader(settings))
        if store is not None and store not in await reader.stores():
            raise CommandRefused(f"there is no store {store}")
        send = await stack.enter_async_context(open_sender(settings))
        if not wait:
            await ask_for_sync(send, store, now())
            return None
        return await sync_now(storage, send, store, now())
