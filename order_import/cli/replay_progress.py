"""The progress of a replay: a bar on a terminal, lines elsewhere, and a word if nobody works."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from order_import.output import stderr

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
