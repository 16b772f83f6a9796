"""`check`: check everything an installation needs, before it is used."""

from collections.abc import Sequence

import typer

from order_import.cli.context import REFUSED, read_settings, run
from order_import.cli.options import AsJson
from order_import.cli.output import cell, print_json, stdout
from order_import.operations.preflight import Finding, Level, check_installation
from order_import.settings import Settings

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "bold red"}
_WIDTH = max(map(len, Level))


def check(as_json: AsJson = False) -> None:
    """Check settings, servers, topics, indexes and permissions. Changes and sends nothing.

    Prints one line for each check. Exit status 1 if one of them is a fault.
    """
    findings = run(_check(read_settings()))
    if as_json:
        print_json({"findings": findings})
    else:
        console = stdout()
        for finding in findings:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            level = finding.level.ljust(_WIDTH)
            line = f"{level}  {finding.subject}: {finding.text}{remedy}"
            console.print(cell(line, _STYLES[finding.level]), soft_wrap=True)
    if any(finding.level is Level.FAULT for finding in findings):
        raise typer.Exit(REFUSED)


async def _check(settings: Settings) -> Sequence[Finding]:
    # Importing the clients takes a moment, which would delay all other commands.
    from order_import.notify.preflight import check_channels  # noqa: PLC0415

    return [*await check_installation(settings), *await check_channels(settings)]
