"""`dead-letters`: list them, show one, and redrive them."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.dead_letters import DeadLetterFilter, DeadLetterLine, StoredDeadLetter
from models.labels import DEAD_LETTER_CAUSES, DEAD_LETTER_REMEDIES
from models.messages import DeadLetterCode
from models.topics import READ_TOPICS
from order_import.bootstrap import connect_dead_letters, connect_reader
from order_import.cli.context import REFUSED, CommandRefused, read_settings, run
from order_import.cli.output import cell, exact, moment, new_table, print_json, stderr, stdout
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
from storage.mongo.dead_letters import MongoDeadLetters

_KIB = 1024


def list_as_json(
    counts: Mapping[DeadLetterCode, int], lines: Sequence[DeadLetterLine]
) -> dict[str, object]:
    """Return counts and dead letters for JSON output."""
    return {
        "codes": dict(sorted(counts.items())),
        "dead_letters": [
            {
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
            for line in lines
        ],
    }


def show_list(
    console: Console, counts: Mapping[DeadLetterCode, int], lines: Sequence[DeadLetterLine]
) -> None:
    """Print the count of each code, and a table of dead letters."""
    if not counts:
        console.print("No dead letters.")
        return
    table = new_table("Code", "Dead letters", title="Dead letters", right=("Dead letters",))
    for code, count in sorted(counts.items()):
        table.add_row(cell(code), cell(count))
    console.print(table)
    if not lines:
        console.print("No dead letters match.")
        return
    table = new_table(
        "Id (topic:partition:offset)",
        "Code",
        "When (UTC)",
        "Size",
        "Message",
        "Redriven",
        right=("Size",),
    )
    table.columns[0].no_wrap = True  # people copy the id from here
    for line in lines:
        table.add_row(
            cell(line.dead_letter_id),
            cell(line.code),
            cell(moment(line.at)),
            cell(_size(line.size)),
            cell(line.message),
            cell("claimed" if line.claimed else _times(line)),
        )
    console.print(table)


def dead_letter_as_json(view: DeadLetterView) -> dict[str, object]:
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


def redrive_as_json(
    plan: Plan, done: Redriven | None, outcome: RedriveOutcome | None
) -> dict[str, object]:
    """Return a redrive, planned or executed, for JSON output."""
    refused = {**plan.refused, **(done.refused if done else {})}
    data: dict[str, object] = {
        "executed": done is not None,
        "planned": [line.dead_letter_id for line in plan.dead_letters],
        "refused": [{"id": name, "why": why} for name, why in refused.items()],
    }
    if done is not None:
        data["sent"] = [{"id": sent.dead_letter_id, "to": sent.to} for sent in done.sent]
    if outcome is not None:
        data["afterwards"] = outcome
    return data


def show_plan(console: Console, plan: Plan) -> None:
    """Print what a redrive would do."""
    show_refusals(console, plan.refused)
    if not plan.dead_letters:
        console.print("Nothing to redrive.")
        return
    table = new_table("Topic", "Code", "Dead letters", title="To redrive", right=("Dead letters",))
    for (topic, code), count in by_topic_and_code(plan.dead_letters).items():
        table.add_row(cell(topic), cell(code), cell(count))
    console.print(table)


def show_refusals(console: Console, refused: Mapping[str, str]) -> None:
    """Print why dead letters are not redriven."""
    for dead_letter_id, why in refused.items():
        console.print(cell(f"Refused {dead_letter_id}: {why}", "red"))


def show_outcome(console: Console, outcome: RedriveOutcome) -> None:
    """Print the outcome of the dead letters that were sent."""
    if outcome.taken:
        console.print(cell(f"{outcome.taken} accepted by the worker", "green"))
    for dead_letter_id, code in outcome.refused_again.items():
        console.print(cell(f"Refused again as {code}: {dead_letter_id}", "red"))
    if outcome.unread:
        console.print(f"{outcome.unread} not yet read by a worker")


def _size(size: int | None) -> str | None:
    if size is None:
        return None
    return f"{size} B" if size < _KIB else f"{size / _KIB:.1f} KiB"


def _times(line: DeadLetterLine) -> str | None:
    if not line.chain:
        return None
    last = line.redriven[-1].at if line.redriven else None
    return str(line.chain) + (f", last {moment(last)}" if last else "")


_SHOWS_PROGRESS_FROM = 100

Code = Annotated[DeadLetterCode | None, typer.Option(help="Only this code.")]
Topic = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only this topic, with or without its prefix.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

dead_letters = typer.Typer(
    name="dead-letters",
    help="Messages that were refused: list them, show them, redrive them once the cause is fixed.",
    no_args_is_help=True,
)


class _Result(NamedTuple):
    """A redrive. `done` and `outcome` are None if it was not executed."""

    plan: Plan
    done: Redriven | None
    outcome: RedriveOutcome | None


@dead_letters.command(name="list")
def list_dead_letters(
    code: Code = None,
    topic: Topic = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Count dead letters by code, and list them, newest first, without their values."""
    settings = read_settings()
    selection = DeadLetterFilter(code, _full_name(settings, topic), limit=limit)
    counts, lines = run(_list(settings, selection))
    if as_json:
        print_json(list_as_json(counts, lines))
        return
    console = stdout()
    show_list(console, counts, lines)
    if len(lines) == limit:
        console.print(f"These are the newest {limit}; use --limit for more.")


@dead_letters.command()
def show(
    dead_letter: Annotated[str, typer.Argument(metavar="ID", help="topic:partition:offset")],
    unmask: Annotated[
        bool, typer.Option("--unmask", help="Show personal data too, and with --json the bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its origin, its error and its content."""
    stored = run(_get(read_settings(), dead_letter))
    if stored is None:
        raise CommandRefused(f"there is no dead letter {dead_letter}")
    view = view_of(stored, unmask=unmask)
    if as_json:
        print_json(dead_letter_as_json(view))
    else:
        show_dead_letter(stdout(), view)


@dead_letters.command(name="redrive")
def redrive_dead_letters(
    dead_letters: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID…", help="The dead letters.", show_default=False),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that were not redriven yet, oldest first.")
    ] = False,
    code: Code = None,
    topic: Topic = None,
    force: Annotated[
        bool,
        typer.Option("--force", help=f"Include those redriven {MOST_REDRIVES} times already."),
    ] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without, only show the plan.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(min=0, max=3600, metavar="SECONDS", help="How long to wait for the worker."),
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to their topics again, byte for byte, after the cause was fixed.

    Without --execute it only shows the plan. A message that arrives twice changes nothing.
    """
    ids = dead_letters or []
    if bool(ids) == every:
        raise typer.BadParameter("expected ids, or --all, and not both", param_hint="ID…")
    if ids and (code is not None or topic is not None):
        raise typer.BadParameter("--code and --topic go with --all", param_hint="--all")
    settings = read_settings()
    selection = DeadLetterFilter(code, _full_name(settings, topic), limit=MOST_AT_ONCE)
    result = run(
        _redrive(settings, ids, selection, force=force, execute=execute, wait=wait, quiet=as_json)
    )
    if as_json:
        print_json(redrive_as_json(*result))
    else:
        _show_result(result, execute=execute)
    again = result.outcome.refused_again if result.outcome else {}
    if result.plan.refused or again or (result.done and result.done.refused):
        raise typer.Exit(REFUSED)


def _show_result(result: _Result, *, execute: bool) -> None:
    console = stdout()
    if result.done is None:
        show_plan(console, result.plan)
        if result.plan.dead_letters and not execute:
            console.print("Nothing was sent. Add --execute to redrive them.")
    else:
        show_refusals(console, {**result.plan.refused, **result.done.refused})
        console.print(f"Sent {len(result.done.sent)} of {len(result.plan.dead_letters)}.")
        if result.outcome is not None:
            show_outcome(console, result.outcome)
    if len(result.plan.dead_letters) + len(result.plan.refused) >= MOST_AT_ONCE:
        console.print(f"These are the oldest {MOST_AT_ONCE}; run it again for more.")


async def _list(
    settings: Settings, selection: DeadLetterFilter
) -> tuple[dict[DeadLetterCode, int], Sequence[DeadLetterLine]]:
    async with connect_dead_letters(settings) as dead_letters:
        counts = await dead_letters.counts(selection.topic)
        return dict(counts), await dead_letters.find(selection)


async def _get(settings: Settings, dead_letter: str) -> StoredDeadLetter | None:
    async with connect_dead_letters(settings) as dead_letters:
        return (await dead_letters.dead_letters([dead_letter])).get(dead_letter)


async def _redrive(
    settings: Settings,
    ids: list[str],
    selection: DeadLetterFilter,
    *,
    force: bool,
    execute: bool,
    wait: float,
    quiet: bool,
) -> _Result:
    async with AsyncExitStack() as stack:
        dead_letters = await stack.enter_async_context(connect_dead_letters(settings))
        if ids:
            plan = await plan_for_ids(dead_letters, settings, ids, force=force)
        else:
            plan = await plan_for_all(dead_letters, settings, selection, force=force)
        if not execute or not plan.dead_letters:
            return _Result(plan, None, None)
        done = await _send(plan, dead_letters, settings, quiet=quiet)
        reader = await stack.enter_async_context(connect_reader(settings))
        return _Result(plan, done, await wait_for_outcome(done.sent, reader, dead_letters, wait))


async def _send(
    plan: Plan, dead_letters: MongoDeadLetters, settings: Settings, *, quiet: bool
) -> Redriven:
    columns = (TextColumn("redriving"), BarColumn(), MofNCompleteColumn())
    hidden = quiet or len(plan.dead_letters) < _SHOWS_PROGRESS_FROM
    with Progress(
        *columns, TimeRemainingColumn(), console=stderr(), disable=hidden, transient=True
    ) as progress:
        bar = progress.add_task("", total=len(plan.dead_letters))
        try:
            return await redrive(
                plan, dead_letters, settings, lambda done: progress.update(bar, completed=done)
            )
        except SendingBroke as error:
            raise CommandRefused(
                f"Kafka does not answer: {error}; {error.sent} of {len(plan.dead_letters)} were "
                "sent. Running it again is safe."
            ) from error


def _full_name(settings: Settings, topic: str | None) -> str | None:
    """Return a topic's name with the installation's prefix."""
    if topic is None or topic not in set(READ_TOPICS):
        return topic
    return settings.topic_prefix + topic
