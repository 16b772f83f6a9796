"""`buyer-keys`: replace the key that buyer data is encrypted with."""

import typer

from order_import.bootstrap import connect_database
from order_import.buyer_keys import (
    add_key,
    buyer_key_path,
    create_key_file,
    read_buyer_keys,
    remove_old_keys,
)
from order_import.cli.context import CommandRefused, audit, read_settings, run
from order_import.cli.options import AsJson
from order_import.cli.output import cell, print_json, stdout
from order_import.settings import Settings
from storage.encryption import BuyerKeys

buyer_keys = typer.Typer(
    name="buyer-keys",
    no_args_is_help=True,
    help="Replace the key that buyer data is encrypted with.",
)


@buyer_keys.command()
def new(as_json: AsJson = False) -> None:
    """Add a new first key to the key file, or create it. The earlier keys still decrypt.

    Copy the file to all machines and restart the workers and the console, then run rewrap.
    """
    settings = read_settings()
    path = buyer_key_path(settings)
    try:
        if path.exists():
            keys = add_key(path, read_buyer_keys(settings))
        else:
            create_key_file(path)
            keys = read_buyer_keys(settings)
    except OSError as error:
        raise CommandRefused(f"cannot write {path}: {error.strerror}") from None
    if as_json:
        print_json({"key_file": str(path), "keys": list(keys.keys)})
        return
    stdout().print(cell(f"{path} has {len(keys.keys)} keys; the first one is {keys.current}."))
    if len(keys.keys) == 1:
        return
    stdout().print(
        "Copy it to all machines, restart the workers and the console, then run: "
        "order-import buyer-keys rewrap"
    )


@buyer_keys.command()
def rewrap(as_json: AsJson = False) -> None:
    """Wrap all data keys with the first key, and remove the other keys from the file.

    It is recorded in the audit log.
    """
    settings = read_settings()
    path = buyer_key_path(settings)
    keys = read_buyer_keys(settings)
    rewrapped = run(_rewrap(settings, keys))
    try:
        removed = remove_old_keys(path, keys)
    except OSError as error:
        raise CommandRefused(f"cannot write {path}: {error.strerror}") from None
    if as_json:
        print_json({"rewrapped": rewrapped, "removed": removed})
        return
    stdout().print(cell(f"{rewrapped} data keys rewrapped, {removed} keys removed from {path}."))


async def _rewrap(settings: Settings, keys: BuyerKeys) -> int:
    async with connect_database(settings) as database:
        await audit(database, "replaced-key", keys.current)
        return await database.storage.vault.rewrap()
