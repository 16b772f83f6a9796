"""`sync`: request a sync now."""

from order_import.cli.context import CommandRefused, query_database, read_settings
from order_import.cli.options import AsJson, OnlyStore, Wait
from order_import.cli.output import cell, print_json, stdout
from order_import.cli.replay_view import count_orders, show_summary, summary_as_json
from order_import.operations.replay import Summary, open_sender
from order_import.operations.sync import ask_for_sync, sync_now
from storage.mongo.database import MongoDatabase
from streams.clock import now


def sync(store: OnlyStore = None, wait: Wait = True, as_json: AsJson = False) -> None:
    """Recheck all blocked orders now, and complete the orders that Commerce has shipped."""
    settings = read_settings()

    async def work(database: MongoDatabase) -> Summary | None:
        if store is not None and store not in await database.reader.stores():
            raise CommandRefused(f"there is no store {store}")
        async with open_sender(settings) as send:
            if wait:
                return await sync_now(database.storage, send, store, now())
            await ask_for_sync(send, store, now())
            return None

    summary = query_database(work)
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
