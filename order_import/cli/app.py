"""The command line: all commands, and the line and exit status of each kind of failure."""

import sys
from collections.abc import Sequence

import typer
from pymongo.errors import ConfigurationError

from models.errors import BrokerUnavailable, OrderImportError, TransientStorageError
from order_import.bootstrap import why_unreachable
from order_import.cli import (
    blocked,
    check,
    console,
    dead_letters,
    explain,
    init,
    notify,
    orders,
    replay,
    replays,
    send,
    shadow,
    status,
    sync,
    worker,
)
from order_import.cli.context import (
    BAD_USAGE,
    BROKEN,
    REFUSED,
    CommandRefused,
    connection_hint,
    read_settings,
    run,
)
from order_import.errors import describe, list_places
from order_import.logs import withhold_texts
from order_import.operations.install import TopicMissing
from order_import.settings import PREFIX, SettingsError

_EPILOG = (
    f"Settings are read from the environment ({PREFIX}…). If none names a server, the commands "
    "use the `order-import up` that runs in this directory. Exit status: 0 success, 1 refused or "
    "problems found, 2 bad usage."
)

app = typer.Typer(
    name="order-import",
    help="Turn Amazon orders into Commerce orders, each exactly once.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    init.init,
    check.check,
    worker.worker,
    send.send,
    orders.orders,
    explain.explain,
    status.status,
    blocked.blocked,
    replay.replay,
    shadow.shadow,
    sync.sync,
    console.console,
    notify.notify,
):
    app.command()(command)
app.command("console-user")(console.console_user)
app.add_typer(dead_letters.dead_letters)
app.add_typer(replays.replays)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command, by default with the process's arguments, and exit with its status."""
    if arguments is None:
        withhold_texts()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="order-import")
    except SettingsError as error:
        _leave(str(error), BAD_USAGE)
    except ConfigurationError as error:
        _leave(f"{PREFIX}MONGO_URL: {_MONGO_URL} ({describe(error)})", BAD_USAGE)
    except CommandRefused as error:
        _leave(str(error), REFUSED)
    except TopicMissing as error:
        _leave(f"topic {error} does not exist yet; run: order-import init", REFUSED)
    except BrokerUnavailable as error:
        reason = run(why_unreachable(read_settings())) or error
        _leave(f"Kafka does not answer: {reason}{connection_hint()}", REFUSED)
    except TransientStorageError as error:
        _leave(f"MongoDB does not answer: {error}{connection_hint()}", REFUSED)
    except OrderImportError as error:
        _leave(f"MongoDB refused: {error}", REFUSED)
    except Exception as error:  # noqa: BLE001 - its text may quote anything: print only the place
        _leave(f"broken: {describe(error)} at {', '.join(list_places(error))}", BROKEN)


_MONGO_URL = (
    "expected mongodb://host:port/ or mongodb+srv://host/, with user and password percent-encoded"
)


def _leave(line: str, status_code: int) -> None:
    sys.stderr.write(f"order-import: {line}\n")
    sys.exit(status_code)
