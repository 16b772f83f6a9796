"""`status`: the health of the whole installation."""

from datetime import datetime

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.checkpoint import OffsetReset
from models.outcome import ImportState
from order_import.cli.context import REFUSED, connection_hint, read_settings, run
from order_import.cli.options import AsJson
from order_import.cli.output import (
    add_row,
    ago,
    blockers_table,
    cell,
    moment,
    new_table,
    orders_table,
    print_json,
    print_system_message,
    stdout,
)
from order_import.operations.health import (
    Health,
    ServerHealth,
    blocked_per_store,
    check_health,
    system_message_of,
)
from streams.clock import now


def status(as_json: AsJson = False) -> None:
    """Show health, lag, rate, orders by state, and problems to solve. Takes about a second."""
    health = run(check_health(read_settings()))
    if as_json:
        print_json(health_as_json(health))
    else:
        show_health(stdout(), health, now())
    if not (health.kafka.answers and health.mongo.answers) or health.topics:
        raise typer.Exit(REFUSED)


def health_as_json(health: Health) -> dict[str, object]:
    """Return the health for JSON output."""
    return {
        "kafka": health.kafka,
        "mongo": health.mongo,
        "topics": health.topics,
        "lag": health.lag,
        "oldest_undecided_at": health.oldest_undecided,
        "decided_per_second": None if health.rate is None else round(health.rate, 1),
        "orders": [
            {
                "store_id": store,
                "name": health.stores[store].name if store in health.stores else None,
                **{state.value: states.get(state, 0) for state in ImportState},
            }
            for store, states in sorted(health.states.items())
        ],
        "blocked_per_store": blocked_per_store(health.states),
        "blockers": health.blockers,
        "waiting_for_details_over_an_hour": health.overdue,
        "dead_letters": health.dead_letters,
        "buyer_data": health.buyer_data,
        "offset_resets": [
            {
                "topic": reset.source.topic,
                "partition": reset.source.partition,
                "expected": reset.expected,
                "found": reset.found,
                "lost": reset.lost,
                "at": reset.at,
            }
            for reset in health.resets
        ],
        "system_message": system_message_of(health.stores, health.states),
        "warnings": [str(file) for file in health.exposed_files],
    }


def show_health(console: Console, health: Health, at: datetime) -> None:
    """Print the health for people; `at` is the current time."""
    print_system_message(console, system_message_of(health.stores, health.states))
    for server in (health.kafka, health.mongo):
        console.print(_server_line(server))
    for exposed in health.exposed_files:
        console.print(cell(str(exposed), "yellow"))
    for problem in health.topics:
        console.print(cell(str(problem), "bold red"))
    if not (health.kafka.answers or health.mongo.answers) and (hint := connection_hint()):
        console.print(cell(hint.strip()))
    if not health.mongo.answers:
        return
    console.print()
    if health.lag:
        console.print(_lag_table(health))
    oldest = health.oldest_undecided
    age = "none" if oldest is None else f"{ago(at - oldest)} old, from {moment(oldest)} UTC"
    console.print(f"Oldest undecided message: {age}")
    if health.rate is not None:
        console.print(f"Decided per second: {health.rate:.0f}")
    console.print()
    _show_orders(console, health)


def _show_orders(console: Console, health: Health) -> None:
    console.print(orders_table(health.stores, health.states))
    if health.blockers:
        console.print(blockers_table(health.blockers))
    if health.overdue:
        counts = ", ".join(f"{store} {count}" for store, count in sorted(health.overdue.items()))
        console.print(
            f"Waiting for details for over an hour: {sum(health.overdue.values())} ({counts}); "
            "see order-import orders --overdue"
        )
    if health.dead_letters:
        counts = ", ".join(f"{count} {code}" for code, count in sorted(health.dead_letters.items()))
        console.print(f"Dead letters: {counts}")
    if (expiring := health.buyer_data) is not None:
        style = "bold red" if expiring.overdue else ""
        console.print(
            cell(
                f"Buyer data: {expiring.overdue} overdue for erasure; in the next 7 days, that of "
                f"{expiring.orders} orders and {expiring.dead_letters} dead letters is erased",
                style,
            )
        )
    for reset in health.resets:
        console.print(cell(f"{moment(reset.at)} UTC: {_describe_reset(reset)}", "bold red"))


def _describe_reset(reset: OffsetReset) -> str:
    place = f"{reset.source.topic}:{reset.source.partition}"
    if reset.lost is None:
        return (
            f"{place}: the topic was recreated, or lost its end; "
            f"expected to continue at offset {reset.expected}, continued at {reset.found}"
        )
    return (
        f"{place}: Kafka deleted {reset.lost:,} offsets, from {reset.expected} to "
        f"{reset.found - 1}, before they were read; have them sent again"
    )


def _server_line(server: ServerHealth) -> Text:
    if server.answers:
        return cell(f"{server.name} at {server.address} answers in {server.latency_ms} ms", "green")
    return cell(f"{server.name} at {server.address} does not answer: {server.error}", "bold red")


def _lag_table(health: Health) -> Table:
    columns = ("Topic", "Undecided", "Unpublished")
    table = new_table(*columns, title="Lag", right=columns[1:])
    for topic in health.lag:
        if topic.exists:
            add_row(table, topic.topic, topic.undecided, topic.unpublished)
        else:
            table.add_row(cell(topic.topic), "missing; run: order-import init", "")
    return table
