"""`dead-letters`: list them, show one, and redrive them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from models.dead_letters import DeadLetterFilter, DeadLetterLine, StoredDeadLetter
from models.labels import DEAD_LETTER_CAUSES, DEAD_LETTER_REMEDIES
from models.messages import DeadLetterCode
from models.topics import READ_TOPICS
from order_import.cli.context import (
    REFUSED,
    CommandRefused,
    audit,
    query_database,
    read_settings,
)
from order_import.cli.options import AsJson, Limit
from order_import.cli.output import (
    add_row,
    cell,
    exact,
    moment,
    new_table,
    print_json,
    progress_bar,
    stderr,
    stdout,
)
from order_import.operations.dead_letters import DeadLetterView, view_of
from order_import.operations.publish import SendingBroke
from order_import.operations.redrive import (
    MOST_AT_ONCE,
    MOST_REDRIVES,
    Plan,
    Redriven,
    RedriveOutcome,
    by_topic_and_code,
    plan_for_all,
    plan_for_ids,
    redrive,
    wait_for_outcome,
)
from order_import.settings import Settings
from storage.mongo.database import MongoDatabase

_KIB = 1024
_SHOWS_PROGRESS_FROM = 100

Code = Annotated[DeadLetterCode | None, typer.Option(help="Only this code.")]
Topic = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only this topic, with or without its prefix.")
]

dead_letters = typer.Typer(
    name="dead-letters",
    help="Messages that were refused: list them, show them, redrive them once the cause is fixed.",
    no_args_is_help=True,
)


@dead_letters.command(name="list")
def list_dead_letters(
    code: Code = None, topic: Topic = None, limit: Limit = 50, as_json: AsJson = False
) -> None:
    """Count dead letters by code, and list them, newest first, without their values."""
    selection = DeadLetterFilter(code, _full_name(read_settings(), topic), limit=limit)

    async def load(
        database: MongoDatabase,
    ) -> tuple[Mapping[DeadLetterCode, int], Sequence[DeadLetterLine]]:
        stored = database.dead_letters
        return await stored.counts(selection.topic), await stored.find(selection)

    counts, lines = query_database(load)
    if as_json:
        listed = [_line_as_json(line) for line in lines]
        print_json({"codes": dict(sorted(counts.items())), "dead_letters": listed})
        return
    console = stdout()
    _show_list(console, counts, lines)
    if len(lines) == limit:
        console.print(f"These are the newest {limit}; use --limit for more.")


def _line_as_json(line: DeadLetterLine) -> dict[str, object]:
    return {
        "id": line.dead_letter_id,
        "code": line.code,
        "topic": line.topic,
        "at": line.at,
        "size": line.size,
        "message": line.message,
        "claimed": line.claimed,
        "redriven": line.redriven,
        "redrive_count": line.chain,
    }


def _show_list(
    console: Console, counts: Mapping[DeadLetterCode, int], lines: Sequence[DeadLetterLine]
) -> None:
    if not counts:
        console.print("No dead letters.")
        return
    table = new_table("Code", "Dead letters", title="Dead letters", right=("Dead letters",))
    for code, count in sorted(counts.items()):
        add_row(table, code, count)
    console.print(table)
    if not lines:
        console.print("No dead letters match.")
        return
    columns = ("Id (topic:partition:offset)", "Code", "When (UTC)", "Size", "Message", "Redriven")
    table = new_table(*columns, right=("Size",))
    table.columns[0].no_wrap = True  # people copy the id from here
    for line in lines:
        redriven = "claimed" if line.claimed else _times(line)
        add_row(
            table,
            line.dead_letter_id,
            line.code,
            moment(line.at),
            _size(line.size),
            line.message,
            redriven,
        )
    console.print(table)


def _size(size: int | None) -> str | None:
    if size is None:
        return None
    return f"{size} B" if size < _KIB else f"{size / _KIB:.1f} KiB"


def _times(line: DeadLetterLine) -> str | None:
    if not line.chain:
        return None
    last = line.redriven[-1].at if line.redriven else None
    return str(line.chain) + (f", last {moment(last)}" if last else "")


@dead_letters.command()
def show(
    dead_letter: Annotated[str, typer.Argument(metavar="ID", help="topic:partition:offset")],
    unmask: Annotated[
        bool, typer.Option("--unmask", help="Show personal data too, and with --json the bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its origin, its error and its content.

    With --unmask, it is recorded in the audit log.
    """

    async def load(database: MongoDatabase) -> Mapping[str, StoredDeadLetter]:
        stored = await database.dead_letters.dead_letters([dead_letter])
        if unmask and stored:
            await audit(database, "showed-buyer", dead_letter)
        return stored

    stored = query_database(load)
    if dead_letter not in stored:
        raise CommandRefused(f"there is no dead letter {dead_letter}")
    view = view_of(stored[dead_letter], unmask=unmask)
    if as_json:
        print_json(_as_json(view))
    else:
        show_dead_letter(stdout(), view)


def _as_json(view: DeadLetterView) -> dict[str, object]:
    """Return one dead letter for JSON output; with the original bytes only if it is unmasked."""
    data: dict[str, object] = {
        "id": view.dead_letter_id,
        "code": view.code,
        "message": view.message,
        "at": view.at,
        "topic": view.topic,
        "partition": view.partition,
        "offset": view.offset,
        "key": view.key,
        "headers": [{"name": name, "value": value} for name, value in view.headers],
        "size": view.size,
        "masked": view.masked,
        "is_json": view.is_json,
        "value": view.value,
        "cut": view.is_cut,
        "redriven": view.redriven,
        "redrive_count": view.chain,
        "erased_at": view.erased_at,
    }
    if view.raw is not None:
        data["value_base64"] = view.raw
    return data


def show_dead_letter(console: Console, view: DeadLetterView) -> None:
    """Print one dead letter."""
    console.print(cell(f"{view.code}: {view.message}", "bold red"))
    code = DeadLetterCode(view.code)
    console.print(cell(f"{DEAD_LETTER_CAUSES[code]}. {DEAD_LETTER_REMEDIES[code]}"))
    console.print(cell(f"From {view.dead_letter_id}, at {exact(view.at)} UTC"))
    console.print(cell(f"Key: {'none' if view.key is None else view.key}"))
    for name, value in view.headers:
        console.print(cell(f"Header {name}: {value}"))
    for mark in view.redriven:
        console.print(cell(f"Redriven at {exact(mark.at)} UTC to {mark.to} (number {mark.count})"))
    if view.erased_at is not None:
        console.print(cell(f"Erased at {exact(view.erased_at)} UTC: it may have had buyer data"))
        return
    if view.size is None:
        console.print("Value: none")
        return
    hint = "; personal data is masked, --unmask shows it" if view.masked else ""
    form = "JSON" if view.is_json else "not JSON"
    console.print(cell(f"Value: {view.size} bytes, {form}{hint}"))
    console.print()
    console.print(cell(view.text), soft_wrap=True)
    if view.is_cut:
        console.print("… and more")


@dead_letters.command(name="redrive")
def redrive_dead_letters(
    dead_letters: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID…", help="The dead letters.", show_default=False),
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="All dead letters that have not been redriven yet, oldest first."
        ),
    ] = False,
    code: Code = None,
    topic: Topic = None,
    force: Annotated[
        bool,
        typer.Option("--force", help=f"Include those already redriven {MOST_REDRIVES} times."),
    ] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Send them; without it, only the plan is shown.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(min=0, max=3600, metavar="SECONDS", help="How long to wait for the worker."),
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to their topics again, byte for byte, once the cause is fixed.

    Without --execute, only the plan is shown. A message that arrives twice changes nothing.
    """
    ids = dead_letters or []
    if bool(ids) == every:
        raise typer.BadParameter("expected ids, or --all, and not both", param_hint="ID…")
    if ids and (code is not None or topic is not None):
        raise typer.BadParameter("--code and --topic go with --all", param_hint="--all")
    settings = read_settings()
    selection = DeadLetterFilter(code, _full_name(settings, topic), limit=MOST_AT_ONCE)

    async def work(database: MongoDatabase) -> _Result:
        stored = database.dead_letters
        if ids:
            plan = await plan_for_ids(stored, settings, ids, force=force)
        else:
            plan = await plan_for_all(stored, settings, selection, force=force)
        if not execute or not plan.dead_letters:
            return _Result(plan)
        done = await _send(plan, database, settings, quiet=as_json)
        return _Result(plan, done, await wait_for_outcome(done.sent, database, wait))

    result = query_database(work)
    if as_json:
        print_json(_result_as_json(result))
    else:
        _show_result(stdout(), result, execute=execute)
    refused_again = result.outcome.refused_again if result.outcome else {}
    if result.refused or refused_again:
        raise typer.Exit(REFUSED)


class _Result(NamedTuple):
    """A redrive. `done` and `outcome` are None if it was not executed."""

    plan: Plan
    done: Redriven | None = None
    outcome: RedriveOutcome | None = None

    @property
    def refused(self) -> Mapping[str, str]:
        """Why dead letters were not redriven, by their ids."""
        return {**self.plan.refused, **(self.done.refused if self.done else {})}


async def _send(
    plan: Plan, database: MongoDatabase, settings: Settings, *, quiet: bool
) -> Redriven:
    total = len(plan.dead_letters)
    hidden = quiet or total < _SHOWS_PROGRESS_FROM
    with progress_bar(stderr(), "redriving", total, hidden=hidden) as progress:
        try:
            return await redrive(plan, database.dead_letters, settings, progress)
        except SendingBroke as error:
            raise CommandRefused(
                f"Kafka does not answer: {error}; {error.sent} of {total} were sent. "
                "Running it again is safe."
            ) from error


def _result_as_json(result: _Result) -> dict[str, object]:
    plan, done, outcome = result
    data: dict[str, object] = {
        "executed": done is not None,
        "planned": [line.dead_letter_id for line in plan.dead_letters],
        "refused": [{"id": name, "why": why} for name, why in result.refused.items()],
    }
    if done is not None:
        data["sent"] = [{"id": sent.dead_letter_id, "to": sent.to} for sent in done.sent]
    if outcome is not None:
        data["afterwards"] = outcome
    return data


def _show_result(console: Console, result: _Result, *, execute: bool) -> None:
    plan, done, outcome = result
    for dead_letter_id, why in result.refused.items():
        console.print(cell(f"Refused {dead_letter_id}: {why}", "red"))
    if done is not None:
        console.print(f"Sent {len(done.sent)} of {len(plan.dead_letters)}.")
    elif plan.dead_letters:
        columns = ("Topic", "Code", "Dead letters")
        table = new_table(*columns, title="To redrive", right=columns[2:])
        for (topic, code), count in by_topic_and_code(plan.dead_letters).items():
            add_row(table, topic, code, count)
        console.print(table)
        if not execute:
            console.print("Nothing was sent. Add --execute to redrive them.")
    else:
        console.print("Nothing to redrive.")
    if outcome is not None:
        _show_outcome(console, outcome)
    if len(plan.dead_letters) + len(plan.refused) >= MOST_AT_ONCE:
        console.print(f"These are the oldest {MOST_AT_ONCE}; run it again for more.")


def _show_outcome(console: Console, outcome: RedriveOutcome) -> None:
    if outcome.taken:
        console.print(cell(f"{outcome.taken} accepted by the worker", "green"))
    for dead_letter_id, code in outcome.refused_again.items():
        console.print(cell(f"Refused again as {code}: {dead_letter_id}", "red"))
    if outcome.unread:
        console.print(f"{outcome.unread} not yet read by a worker")


def _full_name(settings: Settings, topic: str | None) -> str | None:
    if topic is None or topic not in set(READ_TOPICS):
        return topic
    return settings.topic_prefix + topic
