"""Tables of how the orders stand, for `status` and the demo."""

from collections.abc import Mapping
from datetime import timedelta

from rich.table import Table

from models.blockers import REMEDIES, BlockerCode
from models.labels import REASONS
from models.outcome import ImportState
from models.reference_data import Store
from order_import.output import cell, new_table
from order_import.words import STATE_STYLES


def orders_table(
    stores: Mapping[str, Store], counts: Mapping[str, Mapping[ImportState, int]]
) -> Table:
    """Give the orders per state per store."""
    states = [state.value for state in ImportState]
    table = new_table("Store", *states, title="Orders", right=tuple(states))
    for store, in_state in sorted(counts.items()):
        name = f"{stores[store].name} ({store})" if store in stores else store
        table.add_row(
            cell(name),
            *(
                cell(in_state.get(state, 0), STATE_STYLES[state] if in_state.get(state) else "dim")
                for state in ImportState
            ),
        )
    if not counts:
        table.add_row("no orders yet")
    return table


def blockers_table(blockers: Mapping[str, int]) -> Table:
    """Give the blocked orders by cause, with the remedy of each."""
    table = new_table("Cause", "Orders", "Remedy", title="What blocks", right=("Orders",))
    for code in BlockerCode:
        if blockers.get(code):
            table.add_row(
                cell(f"{REASONS[code]} ({code})"),
                cell(blockers[code]),
                cell(REMEDIES[code], "cyan"),
            )
    return table


def ago(age: timedelta) -> str:
    """Say an age in its largest unit that is not zero."""
    seconds = max(int(age.total_seconds()), 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
