"""A whole installation with the demo's day of orders, and a console on it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
HANG = 600.0
"""Seconds after which something hangs: ten times what a machine takes that is busy otherwise."""


@dataclass(frozen=True)
class Site:
    """A console that runs, and what its servers are called."""

    base: str
    environment: dict[str, str]
    data_dir: Path

    @contextmanager
    def worker_paused(self) -> Iterator[None]:
        """Have the worker stand still, as one does that is on its way to somewhere else."""
        worker = self._worker()
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)

    def _worker(self) -> int:
        """Return the process id of the worker, which runs in the data directory."""
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().split(b"\0")
                is_here = (process / "cwd").resolve() == self.data_dir
                if is_here and command[1:-1] == [b"-P", b"-m", b"order_import", b"worker"]:
                    return int(process.name)
        raise AssertionError("there is no worker")

    def command(self, *arguments: str, given: str = "") -> str:
        """Run one of our commands against the same servers."""
        done = subprocess.run(
            [sys.executable, "-m", "order_import", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + HANG
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


def get(url: str) -> httpx.Response:
    """Ask without a browser, and wait as long as it takes."""
    return httpx.get(url, timeout=HANG)


def answers(base: str, path: str = "/readyz") -> bool:
    try:
        return get(f"{base}{path}").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def demo_site(directory: Path, **settings: object) -> Iterator[Site]:
    """Start everything with the demo's orders, and stop it at the end."""
    port = free_port()
    log = directory / "up.log"
    clean = {name: one for name, one in os.environ.items() if not name.startswith("ORDER_IMPORT_")}
    chosen = {f"ORDER_IMPORT_{name}": str(value) for name, value in settings.items()}
    with log.open("wb") as output:
        up = subprocess.Popen(
            [
                *(sys.executable, "-m", "order_import", "up", "--demo"),
                *("--data-dir", str(directory / "data")),
            ],
            cwd=ROOT,
            env={**clean, **chosen, "ORDER_IMPORT_CONSOLE_PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(
            lambda: "All decided" in log.read_text() or up.poll() is not None,
            "the demo's orders are not decided",
        )
        assert up.poll() is None, log.read_text()
        addresses = (directory / "data" / "addresses.env").read_text()
        named = dict(re.findall(r"^export (\w+)='([^']*)'$", addresses, re.MULTILINE))
        base = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(base), "the console does not answer")
        assert base in log.read_text(), "the address was not printed"
        yield Site(base, {**clean, **named}, directory.resolve() / "data")
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(HANG)
