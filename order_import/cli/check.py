"""`check`: check everything an installation needs, before it is used."""

import typer

from order_import.cli.context import REFUSED, read_settings, run
from order_import.cli.options import AsJson
from order_import.cli.output import cell, print_json, stdout
from order_import.operations.preflight import Level, check_installation

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "bold red"}
_WIDTH = max(map(len, Level))


def check(as_json: AsJson = False) -> None:
    """Check settings, servers, topics, indexes and permissions. Changes nothing.

    Prints one line for each check. Exit status 1 if one of them is a fault.
    """
    findings = run(check_installation(read_settings()))
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
