"""The worker and the console of an `up`: processes of their own, started again when they end."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

import order_import
from order_import.cli.context import default_data_dir, remove_addresses, write_addresses
from order_import.cli.output import cell
from order_import.console.access import access_of, address_of, free_port
from order_import.devtools.demo import run_demo
from order_import.devtools.embedded import EmbeddedServers, MongoEngine
from order_import.devtools.embedded.process import EmbeddedServerError, ServerProcess
from order_import.operations.install import install
from order_import.settings import PREFIX, Settings, load_settings

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_LIVED_WELL = 60.0
"""Seconds after which an end is taken for an accident, and no longer for a worker that cannot."""


async def keep_running(command: str, log: Path, lock: int, report: Callable[[str], None]) -> None:
    """Run a command of ours for as long as this is not cancelled; then it is stopped by a SIGTERM.

    Args:
        command: `worker` or `console`.
        log: The file for what it logs.
        lock: The data directory's lock, held by the process too.
        report: Told, in one line, when it ended and is started again.
    """
    loop = asyncio.get_running_loop()
    pause = _FIRST_PAUSE
    while True:
        began = loop.time()
        process = ServerProcess(f"the {command}", log)
        try:
            # -P: the data directory, which it runs in, is no place to import from.
            await process.spawn([sys.executable, "-P", "-m", "order_import", command], lock=lock)
            await process.watch()
        except EmbeddedServerError as error:
            if loop.time() - began > _LIVED_WELL:
                pause = _FIRST_PAUSE
            report(f"{str(error).splitlines()[0]}; starting it again in {pause:g} s")
        finally:
            await process.stop()
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


_ROOT = Path(order_import.__file__).parents[1]


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What to run. `exit_when_done` ends it all after the sample traffic."""

    data_dir: Path
    demo: bool
    exit_when_done: bool
    mongo_engine: MongoEngine


async def run_up(settings: Settings, options: UpOptions, console: Console) -> None:
    """Run until Ctrl-C or SIGTERM, then stop the worker first and the servers after it.

    Raises:
        EmbeddedServerError: A server cannot run, or ended by itself.
        BrokerUnavailable: A Kafka that the settings name does not answer.
        StorageUnavailable: A MongoDB that the settings name does not answer.
    """
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(_run(settings, options, console))
    asked_to_stop = False

    def stop() -> None:
        nonlocal asked_to_stop
        if not asked_to_stop:
            asked_to_stop = True
            console.print("stopping; the data stays where it is")
            work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    await asyncio.wait([work])
    if not work.cancelled():
        work.result()
    console.print("stopped")


async def _run(settings: Settings, options: UpOptions, console: Console) -> None:
    def say(line: str) -> None:
        console.print(cell(line))

    access_of(settings)  # a console that would refuse to start is known before anything starts
    data_dir = options.data_dir.absolute()
    own_kafka = "kafka_bootstrap_servers" not in settings.model_fields_set
    own_mongo = "mongo_url" not in settings.model_fields_set
    async with AsyncExitStack() as stack:
        say(f"starting on {data_dir}")
        servers = EmbeddedServers(
            data_dir,
            kafka=own_kafka,
            mongo=own_mongo,
            mongo_engine=options.mongo_engine,
            report=say,
        )
        addresses = await servers.start()
        stack.push_async_callback(servers.stop)
        found: dict[str, str] = {}
        if addresses.kafka_bootstrap is not None:
            found["kafka_bootstrap_servers"] = addresses.kafka_bootstrap
        if addresses.mongo_url is not None:
            found["mongo_url"] = addresses.mongo_url
        if "console_port" not in settings.model_fields_set:
            found["console_port"] = str(free_port(settings.console_host, settings.console_port))
        settings = load_settings(**found)
        made = await install(settings)
        if made.topics or made.indexes:
            say(f"created {len(made.topics)} topics and {len(made.indexes)} indexes")
        file = write_addresses(data_dir, found)
        stack.callback(remove_addresses, data_dir)
        _hand_down(found)
        _greet(console, settings, found, options.data_dir, file)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(servers.watch()),
                    *(
                        group.create_task(
                            keep_running(name, data_dir / f"{name}.log", servers.lock, say)
                        )
                        for name in ("worker", "console")
                    ),
                ]
                if options.demo:
                    await run_demo(settings, console)
                if not options.exit_when_done:
                    await asyncio.Event().wait()
                for task in background:
                    task.cancel()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None


def _hand_down(found: dict[str, str]) -> None:
    """Let the worker have the addresses, and this very program, wherever it was started."""
    for name, value in found.items():
        os.environ[PREFIX + name.upper()] = value
    paths = [str(_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))


def _greet(
    console: Console, settings: Settings, found: dict[str, str], data_dir: Path, file: Path
) -> None:
    def line(name: str, value: str) -> None:
        console.print(cell(f"  {name:<10}{value}"))

    if "kafka_bootstrap_servers" in found:
        line("Kafka", settings.kafka_bootstrap_servers)
    if "mongo_url" in found:
        line("MongoDB", f"{found['mongo_url']}  database {settings.mongo_database}")
    line("console", f"{address_of(settings)}  logs to {file.with_name('console.log')}")
    line("worker", f"logs to {file.with_name('worker.log')}")
    if not {"kafka_bootstrap_servers", "mongo_url"} & found.keys():
        line("look", "order-import status, with the same settings")
    elif data_dir.absolute() == default_data_dir().absolute():
        line("look", "order-import status, in a second terminal in this directory")
        line("elsewhere", f"source {file}")
    else:
        line("look", f"source {file} && order-import status")
    console.print("Ctrl-C stops all of it.")
