"""Run the demo: send its traffic, show how the orders are decided, and print hints.

The machine may be slow or busy, so requests that are not answered in time are repeated.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from models.errors import BrokerUnavailable, TransientStorageError
from models.messages import TopicPartition
from order_import.bootstrap import broker_errors, connect_database, kafka_options
from order_import.cli.output import blockers_table, cell, orders_table, print_system_message
from order_import.devtools.demo.catalog import INTEGRATED_BEFORE, make_stores
from order_import.devtools.demo.traffic import Phase, make_phases
from order_import.operations.health import system_message_of
from order_import.operations.lag import LagMeter, open_lag_meter
from order_import.settings import Settings
from order_import_client.kafka import Producer
from storage.mongo.orders import MongoReader
from storage.queries import Standing
from streams.clock import now

T = TypeVar("T")
_PAUSE = 0.25
_RETRY_SECONDS = 1.0
_AT_ONCE = 200
"""How many messages are sent between two steps of the progress bar."""
_PRINT_SECONDS = 5.0
"""How often the progress is printed if the output is not a terminal."""


async def run_demo(settings: Settings, console: Console) -> None:
    """Send the sample traffic and show the results, until all is decided."""
    began = time.monotonic()
    retry = partial(_retry, console)
    async with connect_database(settings) as database, AsyncExitStack() as stack:
        reader = database.reader
        meter = await retry(lambda: stack.enter_async_context(open_lag_meter(settings)))
        day = await retry(lambda: _day(reader))
        with_poison = not await retry(reader.dead_letter_counts)
        view = _View(console, reader, meter)
        for phase in make_phases(day, now(), with_poison=with_poison):
            # A message that is sent twice changes only the count of dead letters.
            await retry(partial(_send, settings, console, phase))
            await retry(view.watch)
        await retry(lambda: _sum_up(console, reader, time.monotonic() - began))


async def _retry(console: Console, call: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await call()
        except (BrokerUnavailable, TransientStorageError) as error:
            console.print(cell(f"retrying: {error}"))
            await asyncio.sleep(_RETRY_SECONDS)


async def _day(reader: MongoReader) -> datetime:
    """Return the day of the orders: the day before the demo's first run."""
    first, _ = make_stores(now())
    store = (await reader.stores()).get(first.store_id)
    if store is not None:
        return store.integrated_at + INTEGRATED_BEFORE
    return now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)


async def _send(settings: Settings, console: Console, phase: Phase) -> None:
    columns = (TextColumn("sending {task.description}"), BarColumn(), MofNCompleteColumn())
    on_terminal = console.is_terminal
    if not on_terminal:
        console.print(cell(f"sending {phase.name}: {len(phase.messages)} messages"))
    with Progress(*columns, console=console, disable=not on_terminal) as progress:
        bar = progress.add_task(phase.name, total=len(phase.messages))
        with broker_errors():
            options = kafka_options(settings)
            async with Producer(**options, prefix=settings.topic_prefix) as producer:
                for start in range(0, len(phase.messages), _AT_ONCE):
                    await producer.send(*phase.messages[start : start + _AT_ONCE])
                    progress.update(bar, advance=_AT_ONCE)


class _View:
    """Watches until nothing is undecided, and shows the orders if the output is a terminal."""

    def __init__(self, console: Console, reader: MongoReader, meter: LagMeter) -> None:
        self._console = console
        self._reader = reader
        self._meter = meter

    async def watch(self) -> None:
        """Wait until every message is decided and published."""
        live_tables = Live(console=self._console, auto_refresh=False, transient=True)
        with live_tables if self._console.is_terminal else nullcontext() as live:
            decided, at = await self._decided(), time.monotonic()
            printed_at = at
            while True:
                # Read the checkpoints first: if they advance meanwhile, the lag only seems larger.
                standings = await self._reader.standings()
                lag = sum(topic.total for topic in await self._meter.measure(standings))
                if live is not None:
                    before, since = decided, at
                    decided, at = await self._decided(), time.monotonic()
                    rate = (decided - before) / max(at - since, 0.001)
                    line = f"{_describe_lag(standings, lag)}, {rate:.0f} per second"
                    live.update(await self._tables(line), refresh=True)
                if lag == 0:
                    return
                if live is None and time.monotonic() - printed_at > _PRINT_SECONDS:
                    self._console.print(cell(f"  {_describe_lag(standings, lag)}"))
                    printed_at = time.monotonic()
                await asyncio.sleep(_PAUSE)

    async def _decided(self) -> int:
        standings = await self._reader.standings()
        return sum(standing.committed_offset for standing in standings.values())

    async def _tables(self, line: str) -> Group:
        counts = await self._reader.state_counts()
        blockers = await self._reader.blocker_counts()
        return Group(
            orders_table(await self._reader.stores(), counts), blockers_table(blockers), cell(line)
        )


def _describe_lag(standings: Mapping[TopicPartition, Standing], lag: int) -> str:
    return f"{lag} messages to go" if standings else f"{lag} messages wait for the worker to start"


async def _sum_up(console: Console, reader: MongoReader, seconds: float) -> None:
    stores, counts = await reader.stores(), await reader.state_counts()
    dead_letters, blockers = await reader.dead_letter_counts(), await reader.blocker_counts()
    orders = sum(sum(states.values()) for states in counts.values())
    console.print(cell(f"All decided: {orders} orders in {seconds:.0f} s.", "bold green"))
    console.print(orders_table(stores, counts))
    if blockers:
        console.print(blockers_table(blockers))
    codes = ", ".join(f"{count} {code}" for code, count in sorted(dead_letters.items()))
    console.print(cell(f"Dead letters: {codes or 'none'}"))
    print_system_message(console, system_message_of(stores, counts))
    console.print("Now try, in a second terminal:")
    for hint in (
        "order-import status",
        "order-import orders --state blocked",
        "order-import orders --reason out-of-stock",
        "order-import explain ORDER",
    ):
        console.print(f"  {hint}")
