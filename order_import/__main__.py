"""`order-import`, or `python -m order_import`: the command line, with the dev tools if present."""

from importlib.util import find_spec

from order_import.cli.app import app, main

if find_spec("order_import.devtools"):  # not in the image
    from order_import.devtools.commands import contract, up

    app.command()(up)
    app.command()(contract)

__all__ = ["main"]

if __name__ == "__main__":
    main()
