"""A replay for people and for programs: what it would do, or did."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.labels import REASONS
from models.replay import Replay, ReplayAnswer, ReplayReason, ReplayResult
from order_import.cli.output import amount, cell, in_words, new_table, stderr
from order_import.operations.replay import Ran, Summary

_PLANNED = {
    ReplayResult.CREATED: "Would be created",
    ReplayResult.BLOCKED: "Would stay blocked, or be blocked",
    ReplayResult.REFUSED: "Would be refused",
}
_HAPPENED = {
    ReplayResult.CREATED: "Created",
    ReplayResult.BLOCKED: "Still blocked",
    ReplayResult.REFUSED: "Refused",
}


def summary_as_json(summary: Summary) -> dict[str, object]:
    """Give a summary as programs read it."""
    return {
        "created": {
            "orders": summary.orders[ReplayResult.CREATED],
            "value": summary.money,
            "first": [
                {"order": one.key, "total": one.total}
                for one in summary.first[ReplayResult.CREATED]
            ],
        },
        "blocked": {
            "orders": summary.orders[ReplayResult.BLOCKED],
            "causes": [
                {
                    "code": code,
                    "sku": sku,
                    "orders": cause.orders,
                    "required": cause.required,
                    "available": cause.available,
                }
                for (code, sku), cause in summary.causes.items()
            ],
            "first": _told(summary.first[ReplayResult.BLOCKED]),
        },
        "refused": {
            "orders": summary.orders[ReplayResult.REFUSED],
            "reasons": dict(summary.refusals),
            "first": _told(summary.first[ReplayResult.REFUSED]),
        },
    }


def dry_run_as_json(summary: Summary, assumed: Sequence[str]) -> dict[str, object]:
    """Give a dry run as programs read it."""
    return {
        "executed": False,
        "selected": summary.answered,
        "assumed": list(assumed),
        **summary_as_json(summary),
    }


def ran_as_json(ran: Ran) -> dict[str, object]:
    """Give a replay that ended as programs read it."""
    replay = ran.replay
    return {
        "executed": True,
        "replay_id": replay.replay_id,
        "state": replay.state,
        "who": replay.who,
        "reason_text": replay.reason_text,
        "started_at": replay.started_at,
        "finished_at": replay.finished_at,
        "selected": replay.selected,
        "done": replay.done,
        "unanswered": ran.unanswered,
        **summary_as_json(ran.summary),
    }


def show_dry_run(console: Console, summary: Summary, assumed: Sequence[str]) -> None:
    """Print what a replay would do."""
    told = f"Dry run: {count_of(summary.answered)} judged against today's facts. Nothing changed."
    console.print(cell(told, "bold"))
    for assumption in assumed:
        console.print(cell(f"  assumed: {assumption}", "yellow"))
    show_summary(console, summary, _PLANNED)


def show_ran(console: Console, ran: Ran) -> None:
    """Print what a replay did."""
    replay = ran.replay
    line = f"Replay {replay.replay_id}: {replay.state}, {replay.done} of {replay.selected} done."
    console.print(cell(line, "bold"))
    show_summary(console, ran.summary, _HAPPENED)
    if replay.is_running:
        console.print(f"The worker goes on: order-import replays watch {replay.replay_id}")


def show_replays(console: Console, found: Iterable[Replay]) -> None:
    """Print a table of replays."""
    columns = ("Replay", "State", "Who", "Reason", "Orders", "Done", "Created", "Blocked")
    table = new_table(*columns, right=columns[4:])
    for one in found:
        counts = (one.results.get(result, 0) for result in ("created", "blocked"))
        facts = (one.replay_id, one.state, one.who, one.reason_text, one.selected, one.done)
        table.add_row(*map(cell, (*facts, *counts)))
    console.print(table)


def show_summary(
    console: Console, summary: Summary, titles: dict[ReplayResult, str] | None = None
) -> None:
    """Print a summary under these titles."""
    titles = titles or _HAPPENED
    created = summary.orders[ReplayResult.CREATED]
    value = "".join(f", {amount(money)}" for money in summary.money)
    console.print(cell(f"{titles[ReplayResult.CREATED]}: {count_of(created)}{value}", "green"))
    for one in summary.first[ReplayResult.CREATED]:
        console.print(cell(f"  {one.key}  {amount(one.total) or ''}".rstrip()))
    _more(console, created, len(summary.first[ReplayResult.CREATED]))
    if blocked := summary.orders[ReplayResult.BLOCKED]:
        console.print(cell(f"{titles[ReplayResult.BLOCKED]}: {count_of(blocked)}", "bold red"))
        _show_causes(console, summary)
        _show_first(console, summary.first[ReplayResult.BLOCKED], blocked)
    if refused := summary.orders[ReplayResult.REFUSED]:
        console.print(cell(f"{titles[ReplayResult.REFUSED]}: {count_of(refused)}", "yellow"))
        for code, orders in summary.refusals.most_common():
            console.print(cell(f"  {orders} {code}: {in_words([code])}"))
        _show_first(console, summary.first[ReplayResult.REFUSED], refused)


def count_of(orders: int) -> str:
    """Give `1 order`, `2 orders`."""
    return f"{orders} {'order' if orders == 1 else 'orders'}"


def _show_causes(console: Console, summary: Summary) -> None:
    columns = ("Cause", "SKU", "Orders", "Required", "Available")
    table = new_table(*columns, right=columns[2:])
    for code, sku, cause in summary.largest_causes:
        available = None if cause.available is None else f"{cause.available:g}"
        table.add_row(
            cell(f"{REASONS.get(code, code)} ({code})"),
            cell(sku),
            cell(cause.orders),
            cell(cause.required),
            cell(available),
        )
    console.print(table)


def _show_first(console: Console, first: Iterable[ReplayAnswer], orders: int) -> None:
    shown = list(first)
    for one in shown:
        console.print(cell(f"  {one.key}  {'; '.join(map(_in_short, one.reasons))}"))
    _more(console, orders, len(shown))


def _more(console: Console, orders: int, shown: int) -> None:
    if orders > shown:
        console.print(f"  and {orders - shown} more")


def _in_short(reason: ReplayReason) -> str:
    if reason.required is None:
        return reason.code
    available = "" if reason.available is None else f", {reason.available:g} available"
    return f"{reason.code} {reason.sku or 'no SKU'} (needs {reason.required}{available})"


def _told(answers: Iterable[ReplayAnswer]) -> list[dict[str, object]]:
    return [{"order": one.key, "reasons": one.reasons} for one in answers]


_LINE_EVERY = 2.0
_SILENT_FOR = 10.0
_NOBODY = "No worker carries anything out; waiting for one. Ctrl-C cancels what is left."


@contextmanager
def show_progress(selected: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Give what to report to how many orders are done; with `quiet` only silence is reported."""
    console = stderr()
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    on_terminal = console.is_terminal and not quiet
    with Progress(*columns, console=console, disable=not on_terminal, transient=True) as progress:
        bar = progress.add_task("", total=selected)
        loop = asyncio.get_running_loop()
        last = -1
        moved = printed = loop.time()
        warned = False

        def show(done: int) -> None:
            nonlocal last, moved, printed, warned
            at = loop.time()
            if done != last:
                moved, warned = at, False
            elif at - moved > _SILENT_FOR and not warned:
                warned = True
                progress.console.print(_NOBODY)
            progress.update(bar, completed=done)
            if not (quiet or on_terminal) and done != last and at - printed > _LINE_EVERY:
                printed = at
                console.print(f"{done} of {selected} carried out")
            last = done

        yield show
