"""`up`: run the servers, a worker and the console on one machine, and restart what fails."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

import order_import
from order_import.cli.context import default_data_dir, remove_addresses, write_addresses
from order_import.cli.output import cell
from order_import.console.access import access_of, address_of, free_port
from order_import.devtools.demo import run_demo
from order_import.devtools.embedded import EmbeddedServers
from order_import.devtools.embedded.process import EmbeddedServerError, ServerProcess
from order_import.devtools.embedded.servers import Addresses
from order_import.operations.install import install
from order_import.settings import PREFIX, Settings, load_settings

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_STABLE_SECONDS = 60.0
"""A process that ran for so long is restarted after the first pause again."""


async def supervise(command: str, log: Path, lock: int, report: Callable[[str], None]) -> None:
    """Run `worker`, `console` or `notify` until canceled; report when it ends, and restart it.

    The process inherits the data directory's lock, and writes to the log.
    """
    loop = asyncio.get_running_loop()
    pause = _FIRST_PAUSE
    while True:
        began = loop.time()
        process = ServerProcess(f"the {command}", log)
        try:
            # -P, because its working directory is the data directory, which has no modules.
            await process.spawn([sys.executable, "-P", "-m", "order_import", command], lock=lock)
            await process.watch()
        except EmbeddedServerError as error:
            if loop.time() - began > _STABLE_SECONDS:
                pause = _FIRST_PAUSE
            report(f"{str(error).splitlines()[0]}; restarting it in {pause:g} s")
        finally:
            await process.stop()
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


_ROOT = Path(order_import.__file__).parents[1]


async def run_up(
    settings: Settings, data_dir: Path, console: Console, *, demo: bool, exit_when_done: bool
) -> None:
    """Run until Ctrl-C or SIGTERM, then stop the worker first and the servers after it.

    With `demo`, sample traffic is sent, and with `exit_when_done` everything stops after it.

    Raises:
        EmbeddedServerError: A server cannot run, or ended by itself.
        BrokerUnavailable: The Kafka named by the settings does not answer.
        StorageUnavailable: The MongoDB named by the settings does not answer.
    """
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(
        _run(settings, data_dir, console, demo=demo, exit_when_done=exit_when_done)
    )
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            console.print("stopping; the data is kept")
            work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    await asyncio.wait([work])
    if not work.cancelled():
        work.result()
    console.print("stopped")


async def _run(
    settings: Settings, data_dir: Path, console: Console, *, demo: bool, exit_when_done: bool
) -> None:
    def say(line: str) -> None:
        console.print(cell(line))

    access_of(settings)  # report a console that cannot start before anything else starts
    own_kafka = "kafka_bootstrap_servers" not in settings.model_fields_set
    own_mongo = "mongo_url" not in settings.model_fields_set
    async with AsyncExitStack() as stack:
        say(f"starting on {data_dir}")
        servers = EmbeddedServers(
            data_dir,
            kafka=own_kafka,
            mongo=own_mongo,
            report=say,
        )
        addresses = await servers.start()
        stack.push_async_callback(servers.stop)
        overrides = _overrides(settings, addresses, data_dir)
        settings = load_settings(**overrides)
        installed = await install(settings)
        if installed.topics or installed.indexes:
            say(f"created {len(installed.topics)} topics and {len(installed.indexes)} indexes")
        file = write_addresses(data_dir, overrides)
        stack.callback(remove_addresses, data_dir)
        _export(overrides)
        _print_addresses(console, settings, overrides, data_dir, file)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(servers.watch()),
                    *(
                        group.create_task(
                            supervise(name, data_dir / f"{name}.log", servers.lock, say)
                        )
                        for name in _commands(settings)
                    ),
                ]
                if demo:
                    await run_demo(settings, console)
                if not exit_when_done:
                    await asyncio.Event().wait()
                for task in background:
                    task.cancel()
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None


def _overrides(settings: Settings, addresses: Addresses, data_dir: Path) -> dict[str, str]:
    overrides: dict[str, str] = {}
    if addresses.kafka_bootstrap is not None:
        overrides["kafka_bootstrap_servers"] = addresses.kafka_bootstrap
    if addresses.mongo_url is not None:
        overrides["mongo_url"] = addresses.mongo_url
    if "console_port" not in settings.model_fields_set:
        overrides["console_port"] = str(free_port(settings.console_host, settings.console_port))
    if settings.buyer_key_file is None:
        overrides["buyer_key_file"] = str(data_dir / "buyer-keys.json")
    return overrides


def _commands(settings: Settings) -> tuple[str, ...]:
    """Return the commands to run; `notify` if the settings say where to."""
    notifies = settings.notify_webhook_url or settings.notify_smtp_host
    return ("worker", "console", *(("notify",) if notifies else ()))


def _export(overrides: dict[str, str]) -> None:
    for name, value in overrides.items():
        os.environ[PREFIX + name.upper()] = value
    paths = [str(_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))


def _print_addresses(
    console: Console, settings: Settings, overrides: dict[str, str], data_dir: Path, file: Path
) -> None:
    def line(name: str, value: str) -> None:
        console.print(cell(f"  {name:<10}{value}"))

    if "kafka_bootstrap_servers" in overrides:
        line("Kafka", settings.kafka_bootstrap_servers)
    if "mongo_url" in overrides:
        line("MongoDB", f"{overrides['mongo_url']}  database {settings.mongo_database}")
    line("console", f"{address_of(settings)}  logs to {file.with_name('console.log')}")
    line("worker", f"logs to {file.with_name('worker.log')}")
    if not {"kafka_bootstrap_servers", "mongo_url"} & overrides.keys():
        line("try", "order-import status, with the same settings")
    elif data_dir == default_data_dir().absolute():
        line("try", "order-import status, in a second terminal in this directory")
        line("elsewhere", f"source {file}")
    else:
        line("try", f"source {file} && order-import status")
    console.print("Ctrl-C stops everything.")
