"""How dead letters look: tables for people, JSON for programs."""

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
    Afterwards,
    Plan,
    Redriven,
    by_topic_and_code,
    look_after,
    plan_for_all,
    plan_for_ids,
    redrive,
)
from order_import.settings import Settings
from storage.mongo.dead_letters import MongoDeadLetters

_KIB = 1024


def list_as_json(
    counts: Mapping[DeadLetterCode, int], lines: Sequence[DeadLetterLine]
) -> dict[str, object]:
    """Give counts and dead letters as programs read them."""
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
    """Print how many there are of each code, and letters."""
    if not counts:
        console.print("No dead letters.")
        return
    table = new_table("Code", "Dead letters", title="Dead letters", right=("Dead letters",))
    for code, count in sorted(counts.items()):
        table.add_row(cell(code), cell(count))
    console.print(table)
    if not lines:
        console.print("No such dead letters.")
        return
    table = new_table(
        *("Id (topic:partition:offset)", "Code", "When (UTC)", "Size", "Message", "Redriven"),
        right=("Size",),
    )
    table.columns[0].no_wrap = True  # it is copied from here, and names the topic
    for line in lines:
        table.add_row(
            cell(line.dead_letter_id),
            cell(line.code),
            cell(moment(line.at)),
            cell(_size(line.size)),
            cell(line.message),
            cell("taken up" if line.claimed else _times(line)),
        )
    console.print(table)


def letter_as_json(view: DeadLetterView) -> dict[str, object]:
    """Give one dead letter as programs read it; its very bytes only where nothing is masked."""
    shown: dict[str, object] = {
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
    }
    if view.raw is not None:
        shown["value_base64"] = view.raw
    return shown


def show_letter(console: Console, view: DeadLetterView) -> None:
    """Print one letter."""
    console.print(cell(f"{view.code}: {view.message}", "bold red"))
    code = DeadLetterCode(view.code)
    console.print(cell(f"{DEAD_LETTER_CAUSES[code]}. {DEAD_LETTER_REMEDIES[code]}"))
    console.print(cell(f"From {view.dead_letter_id}, at {exact(view.at)} UTC"))
    console.print(cell(f"Key: {'none' if view.key is None else view.key}"))
    for name, value in view.headers:
        console.print(cell(f"Header {name}: {value}"))
    for mark in view.redriven:
        console.print(cell(f"Redriven at {exact(mark.at)} UTC to {mark.to} (number {mark.count})"))
    if view.size is None:
        console.print("Value: none")
        return
    hint = "; a buyer's data is masked, --unmask shows it" if view.masked else ""
    form = "JSON" if view.is_json else "no JSON"
    console.print(cell(f"Value: {view.size} bytes, {form}{hint}"))
    console.print()
    console.print(cell(view.text), soft_wrap=True)
    if view.is_cut:
        console.print("… and more")


def redrive_as_json(
    plan: Plan, done: Redriven | None, after: Afterwards | None
) -> dict[str, object]:
    """Give what a redrive would do or did, as programs read it."""
    refused = {**plan.refused, **(done.refused if done else {})}
    shown: dict[str, object] = {
        "executed": done is not None,
        "planned": [line.dead_letter_id for line in plan.dead_letters],
        "refused": [{"id": name, "why": why} for name, why in refused.items()],
    }
    if done is not None:
        shown["sent"] = [{"id": sent.dead_letter_id, "to": sent.to} for sent in done.sent]
    if after is not None:
        shown["afterwards"] = after
    return shown


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


def show_afterwards(console: Console, after: Afterwards) -> None:
    """Print what became of the dead letters that were sent."""
    if after.taken:
        console.print(cell(f"{after.taken} taken by the worker", "green"))
    for dead_letter_id, code in after.refused_again.items():
        console.print(cell(f"Refused again as {code}: {dead_letter_id}", "red"))
    if after.unread:
        console.print(f"{after.unread} not read by a worker yet")


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

Code = Annotated[DeadLetterCode | None, typer.Option(help="Of one code.")]
Topic = Annotated[
    str | None, typer.Option(metavar="NAME", help="From one topic, with or without its prefix.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

dead_letters = typer.Typer(
    name="dead-letters",
    help="Messages that were not taken: look at them, mend the cause, drive them again.",
    no_args_is_help=True,
)


class _Ran(NamedTuple):
    """A redrive as it ended. `after` is None where nothing was sent."""

    plan: Plan
    done: Redriven | None
    after: Afterwards | None


@dead_letters.command(name="list")
def list_letters(
    code: Code = None,
    topic: Topic = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Count dead letters by code, and list them, newest first. No values are shown."""
    settings = read_settings()
    wanted = DeadLetterFilter(code, _full_name(settings, topic), limit=limit)
    counts, lines = run(_list(settings, wanted))
    if as_json:
        print_json(list_as_json(counts, lines))
        return
    console = stdout()
    show_list(console, counts, lines)
    if len(lines) == limit:
        console.print(f"The newest {limit}; ask for more with --limit.")


@dead_letters.command()
def show(
    dead_letter: Annotated[str, typer.Argument(metavar="ID", help="topic:partition:offset")],
    unmask: Annotated[
        bool, typer.Option("--unmask", help="Show a buyer's data too, and with --json the bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: where it came from, what is wrong with it, and what was in it."""
    kept = run(_get(read_settings(), dead_letter))
    if kept is None:
        raise CommandRefused(f"there is no dead letter {dead_letter}")
    view = view_of(kept, unmask=unmask)
    if as_json:
        print_json(letter_as_json(view))
    else:
        show_letter(stdout(), view)


@dead_letters.command(name="redrive")
def redrive_letters(
    dead_letters: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="The letters.", show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that were not redriven yet, oldest first.")
    ] = False,
    code: Code = None,
    topic: Topic = None,
    force: Annotated[
        bool,
        typer.Option("--force", help=f"Also what was redriven {MOST_REDRIVES} times already."),
    ] = False,
    execute: Annotated[bool, typer.Option("--execute", help="Do it, not only tell.")] = False,
    wait: Annotated[
        float,
        typer.Option(min=0, max=3600, metavar="SECONDS", help="How long to wait for the worker."),
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to their topics again, byte for byte, after the cause was mended.

    Without --execute it only tells what it would do. A message that comes twice changes nothing.
    """
    ids = dead_letters or []
    if bool(ids) == every:
        raise typer.BadParameter("expected ids, or --all, and not both", param_hint="ID…")
    if ids and (code is not None or topic is not None):
        raise typer.BadParameter("--code and --topic go with --all", param_hint="--all")
    settings = read_settings()
    wanted = DeadLetterFilter(code, _full_name(settings, topic), limit=MOST_AT_ONCE)
    ran = run(
        _redrive(settings, ids, wanted, force=force, execute=execute, wait=wait, quiet=as_json)
    )
    if as_json:
        print_json(redrive_as_json(*ran))
    else:
        _tell(ran, execute=execute)
    again = ran.after.refused_again if ran.after else {}
    if ran.plan.refused or again or (ran.done and ran.done.refused):
        raise typer.Exit(REFUSED)


def _tell(ran: _Ran, *, execute: bool) -> None:
    console = stdout()
    if ran.done is None:
        show_plan(console, ran.plan)
        if ran.plan.dead_letters and not execute:
            console.print("Nothing was sent. Add --execute to drive them again.")
    else:
        show_refusals(console, {**ran.plan.refused, **ran.done.refused})
        console.print(f"Sent {len(ran.done.sent)} of {len(ran.plan.dead_letters)}.")
        if ran.after is not None:
            show_afterwards(console, ran.after)
    if len(ran.plan.dead_letters) + len(ran.plan.refused) >= MOST_AT_ONCE:
        console.print(f"These are the oldest {MOST_AT_ONCE}; run it again for more.")


async def _list(
    settings: Settings, wanted: DeadLetterFilter
) -> tuple[dict[DeadLetterCode, int], Sequence[DeadLetterLine]]:
    async with connect_dead_letters(settings) as dead_letters:
        return dict(await dead_letters.counts(wanted.topic)), await dead_letters.find(wanted)


async def _get(settings: Settings, dead_letter: str) -> StoredDeadLetter | None:
    async with connect_dead_letters(settings) as dead_letters:
        return (await dead_letters.dead_letters([dead_letter])).get(dead_letter)


async def _redrive(
    settings: Settings,
    ids: list[str],
    wanted: DeadLetterFilter,
    *,
    force: bool,
    execute: bool,
    wait: float,
    quiet: bool,
) -> _Ran:
    async with AsyncExitStack() as stack:
        dead_letters = await stack.enter_async_context(connect_dead_letters(settings))
        if ids:
            plan = await plan_for_ids(dead_letters, settings, ids, force=force)
        else:
            plan = await plan_for_all(dead_letters, settings, wanted, force=force)
        if not execute or not plan.dead_letters:
            return _Ran(plan, None, None)
        done = await _send(plan, dead_letters, settings, quiet=quiet)
        reader = await stack.enter_async_context(connect_reader(settings))
        return _Ran(plan, done, await look_after(done.sent, reader, dead_letters, wait))


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
    """Give a topic's name as Kafka has it."""
    if topic is None or topic not in set(READ_TOPICS):
        return topic
    return settings.topic_prefix + topic
