"""Kafka and MongoDB for all tests of a run: each started when a test first asks for it.

The servers belong to the process that pytest was started as. With pytest-xdist, tests run in its
workers, and these ask it for addresses. However it ends, the servers end with it.
"""

import asyncio
import contextlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from order_import.devtools.embedded import EmbeddedServerError, EmbeddedServers
from order_import.devtools.embedded.servers import Addresses

CORES = len(os.sched_getaffinity(0))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


class SharedServers:
    """Starts the servers on request, one request a connection: which, and where they answer.

    There are as many MongoDB servers as cores: the Python one uses a single core.
    """

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "ask"
        self._servers = {
            "kafka": EmbeddedServers(directory / "kafka", mongo=False),
            **{
                f"mongo-{core}": EmbeddedServers(directory / f"mongo-{core}", kafka=False)
                for core in range(CORES)
            },
        }
        self._started: dict[str, asyncio.Task[Addresses]] = {}

    async def serve(self, ready: threading.Event, ended: asyncio.Event) -> None:
        """Answer requests until `ended`, then stop what runs."""
        async with await asyncio.start_unix_server(self._answer, self.socket):
            ready.set()
            await ended.wait()
        await asyncio.gather(*self._started.values(), return_exceptions=True)
        await asyncio.gather(*(self._servers[name].stop() for name in self._started))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names = json.loads(await reader.readline())
        for name in names:
            if name not in self._started:
                self._started[name] = asyncio.create_task(self._servers[name].start())
        try:
            found = [await asyncio.shield(self._started[name]) for name in names]
            addresses = [one.kafka_bootstrap or one.mongo_url for one in found]
            writer.write(json.dumps({"addresses": addresses}).encode())
        except EmbeddedServerError as error:
            writer.write(json.dumps({"error": str(error)}).encode())
        writer.close()


@contextlib.contextmanager
def shared_servers() -> Iterator[Path]:
    """Serve requests from a thread of its own; give the socket to ask at."""
    loop, ready, ended = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="order-import-tests-") as directory:
        servers = SharedServers(Path(directory))
        thread = threading.Thread(
            target=lambda: loop.run_until_complete(servers.serve(ready, ended))
        )
        thread.start()
        ready.wait()
        try:
            yield servers.socket
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()
            loop.close()


def ask_for(where: Path, *names: str) -> list[str]:
    """Return the addresses of `kafka` or `mongo`, which are started if nobody has asked before.

    A worker of pytest-xdist gets the same MongoDB server each time; another worker may get another.
    Servers that run already are used instead if `TEST_KAFKA` and `TEST_MONGO` name them.

    Raises:
        EmbeddedServerError: One cannot run.
    """
    given = [os.environ.get(f"TEST_{name.upper()}") for name in names]
    if all(given):
        return [address for address in given if address]
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(where))
        own = [f"mongo-{_WORKER % CORES}" if name == "mongo" else name for name in names]
        asking.sendall(json.dumps(own).encode() + b"\n")
        with asking.makefile() as answer:
            told = json.load(answer)
    if "error" in told:
        raise EmbeddedServerError(told["error"])
    addresses: list[str] = told["addresses"]
    return addresses
