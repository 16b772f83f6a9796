"""The progress of a replay: a bar on a terminal, lines elsewhere, and a word when nobody works."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from order_import.output import stderr
from order_import.replay.lease import Tally

_LINE_EVERY = 2.0
_SILENT_FOR = 10.0
_NOBODY = "No worker carries anything out; waiting for one. Ctrl-C cancels what is left."


@contextmanager
def show_progress(selected: int, *, quiet: bool) -> Iterator[Callable[[Tally], None]]:
    """Give what to tell the progress to; with `quiet` only that there is no worker is said."""
    console = stderr()
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    on_terminal = console.is_terminal and not quiet
    with Progress(*columns, console=console, disable=not on_terminal, transient=True) as progress:
        bar = progress.add_task("", total=selected)
        loop = asyncio.get_running_loop()
        last = Tally(0, 0)
        moved = told = loop.time()
        warned = False

        def show(tally: Tally) -> None:
            nonlocal last, moved, told, warned
            at = loop.time()
            if tally.done != last.done or tally.sent == tally.done:
                moved, warned = at, False
            elif at - moved > _SILENT_FOR and not warned:
                warned = True
                progress.console.print(_NOBODY)
            progress.update(bar, completed=tally.done)
            if not (quiet or on_terminal) and tally != last and at - told > _LINE_EVERY:
                told = at
                console.print(f"{tally.done} of {selected} carried out")
            last = tally

        yield show
