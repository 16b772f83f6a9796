"""`audit`: check that the audit log is whole."""

import re
from typing import Annotated

import typer

from order_import.cli.context import REFUSED, query_database
from order_import.cli.options import AsJson
from order_import.cli.output import print_json, stdout
from storage.port import AuditHead

audit = typer.Typer(name="audit", no_args_is_help=True, help="Check the audit log.")

_HEAD = re.compile(r"([1-9]\d{0,11}):([0-9a-f]{64})")


def _parse_head(text: str) -> AuditHead:
    match = _HEAD.fullmatch(text)
    if match is None:
        raise typer.BadParameter("expected NUMBER:HASH as verify prints it")
    return AuditHead(int(match[1]), match[2])


@audit.command()
def verify(
    expect: Annotated[
        AuditHead | None,
        typer.Option(
            metavar="NUMBER:HASH",
            parser=_parse_head,
            help="An entry that the log must contain, as an earlier run or the console logged it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no entry of the audit log was changed, and that none is missing.

    Each entry contains the hash of the one before it. Keep what this prints outside of the
    database, and name it with --expect the next time: otherwise nobody notices that the last
    entries were deleted, or that all of them were rewritten. Old entries may be deleted from
    the beginning. Exit status 1 if there is a problem.
    """
    check = query_database(lambda database: database.console_state.verify_audit(expect))
    if as_json:
        head = {"number": check.head.number, "hash": check.head.hash}
        print_json({"first": check.first, **head, "problem": check.problem})
    elif not check.head.number:
        stdout().print("The audit log has no entries.")
    elif check.problem is not None:
        stdout().print(check.problem)
    else:
        entries = f"Entries {check.first} to {check.head.number}"
        stdout().print(f"{entries}: none was changed and none is missing.")
        stdout().print(f"{check.head}")
    if check.problem is not None:
        raise typer.Exit(REFUSED)
