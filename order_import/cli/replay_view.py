"""Print replays and dry runs: tables and progress for people, JSON for programs."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from rich.console import Console

from models.reasons import REASONS
from models.replay import Replay, ReplayAnswer, ReplayReason, ReplayResult
from order_import.cli.output import add_row, amount, cell, in_words, new_table, progress_bar, stderr
from order_import.operations.replay import Ran, Summary

_PLANNED = {
    ReplayResult.CREATED: "Would be created",
    ReplayResult.BLOCKED: "Would be blocked",
    ReplayResult.REFUSED: "Would be refused",
}
_HAPPENED = {
    ReplayResult.CREATED: "Created",
    ReplayResult.BLOCKED: "Still blocked",
    ReplayResult.REFUSED: "Refused",
}


def summary_as_json(summary: Summary) -> dict[str, object]:
    """Return a summary for JSON output."""
    return {
        "created": {
            "orders": summary.orders[ReplayResult.CREATED],
            "value": summary.money,
            "first": [
                {"order": answer.key, "total": answer.total}
                for answer in summary.first[ReplayResult.CREATED]
            ],
        },
        "blocked": {
            "orders": summary.orders[ReplayResult.BLOCKED],
            "causes": [
                {"code": code, "sku": sku, **asdict(cause)}
                for (code, sku), cause in summary.causes.items()
            ],
            "first": _answers_as_json(summary.first[ReplayResult.BLOCKED]),
        },
        "refused": {
            "orders": summary.orders[ReplayResult.REFUSED],
            "reasons": dict(summary.refusals),
            "first": _answers_as_json(summary.first[ReplayResult.REFUSED]),
        },
    }


def dry_run_as_json(summary: Summary, assumed: Sequence[str]) -> dict[str, object]:
    """Return a dry run for JSON output."""
    return {
        "executed": False,
        "selected": summary.answered,
        "assumed": list(assumed),
        **summary_as_json(summary),
    }


def ran_as_json(ran: Ran) -> dict[str, object]:
    """Return a replay for JSON output."""
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
    line = (
        f"Dry run: {count_orders(summary.answered)} checked against today's facts. Nothing changed."
    )
    console.print(cell(line, "bold"))
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
        console.print(f"The worker continues: order-import replays watch {replay.replay_id}")


def show_replays(console: Console, replays: Iterable[Replay]) -> None:
    """Print a table of replays."""
    columns = ("Replay", "State", "Who", "Reason", "Orders", "Done", "Created", "Blocked")
    table = new_table(*columns, right=columns[4:])
    for replay in replays:
        add_row(
            table,
            replay.replay_id,
            replay.state,
            replay.who,
            replay.reason_text,
            replay.selected,
            replay.done,
            replay.results.get(ReplayResult.CREATED, 0),
            replay.results.get(ReplayResult.BLOCKED, 0),
        )
    console.print(table)


def show_summary(
    console: Console, summary: Summary, titles: dict[ReplayResult, str] | None = None
) -> None:
    """Print a summary, with a title for each result."""
    titles = titles or _HAPPENED
    created = summary.orders[ReplayResult.CREATED]
    value = "".join(f", {amount(money)}" for money in summary.money)
    console.print(cell(f"{titles[ReplayResult.CREATED]}: {count_orders(created)}{value}", "green"))
    for answer in summary.first[ReplayResult.CREATED]:
        console.print(cell(f"  {answer.key}  {amount(answer.total) or ''}".rstrip()))
    _show_more(console, created, len(summary.first[ReplayResult.CREATED]))
    if blocked := summary.orders[ReplayResult.BLOCKED]:
        console.print(cell(f"{titles[ReplayResult.BLOCKED]}: {count_orders(blocked)}", "bold red"))
        _show_causes(console, summary)
        _show_first(console, summary.first[ReplayResult.BLOCKED], blocked)
    if refused := summary.orders[ReplayResult.REFUSED]:
        console.print(cell(f"{titles[ReplayResult.REFUSED]}: {count_orders(refused)}", "yellow"))
        for code, orders in summary.refusals.most_common():
            console.print(cell(f"  {orders} {code}: {in_words([code])}"))
        _show_first(console, summary.first[ReplayResult.REFUSED], refused)


def count_orders(orders: int) -> str:
    """Format a number of orders: `1 order`, `2 orders`."""
    return f"{orders} {'order' if orders == 1 else 'orders'}"


def _show_causes(console: Console, summary: Summary) -> None:
    columns = ("Cause", "SKU", "Orders", "Required", "Available")
    table = new_table(*columns, right=columns[2:])
    for code, sku, cause in summary.largest_causes:
        available = None if cause.available is None else f"{cause.available:g}"
        name = f"{REASONS.get(code, code)} ({code})"
        add_row(table, name, sku, cause.orders, cause.required, available)
    console.print(table)


def _show_first(console: Console, first: Iterable[ReplayAnswer], orders: int) -> None:
    answers = list(first)
    for answer in answers:
        console.print(cell(f"  {answer.key}  {'; '.join(map(_in_short, answer.reasons))}"))
    _show_more(console, orders, len(answers))


def _show_more(console: Console, orders: int, shown: int) -> None:
    if orders > shown:
        console.print(f"  and {orders - shown} more")


def _in_short(reason: ReplayReason) -> str:
    if reason.required is None:
        return reason.code
    available = "" if reason.available is None else f", {reason.available:g} available"
    return f"{reason.code} {reason.sku or 'no SKU'} (needs {reason.required}{available})"


def _answers_as_json(answers: Iterable[ReplayAnswer]) -> list[dict[str, object]]:
    return [{"order": answer.key, "reasons": answer.reasons} for answer in answers]


_LINE_SECONDS = 2.0
_WARN_SECONDS = 10.0
_NO_PROGRESS = "No progress; waiting for a worker. Ctrl-C cancels the rest of the replay."


@contextmanager
def show_progress(selected: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar or lines; yield a function to call with the number of finished orders.

    With `quiet`, only a lack of progress is reported.
    """
    console = stderr()
    on_terminal = console.is_terminal and not quiet
    with progress_bar(console, "replaying", selected, hidden=not on_terminal) as update:
        loop = asyncio.get_running_loop()
        last = -1
        moved = printed = loop.time()
        warned = False

        def show(done: int) -> None:
            nonlocal last, moved, printed, warned
            at = loop.time()
            if done != last:
                moved, warned = at, False
            elif at - moved > _WARN_SECONDS and not warned:
                warned = True
                console.print(_NO_PROGRESS)
            update(done)
            if not (quiet or on_terminal) and done != last and at - printed > _LINE_SECONDS:
                printed = at
                console.print(f"{done} of {selected} carried out")
            last = done

        yield show
