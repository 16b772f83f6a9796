"""A whole installation with the demo's day of orders, and browsers with and without JavaScript."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from console.users import hash_password
from tests.browser.screenshots import CHROMIUM, FLAGS

ROOT = Path(__file__).parents[2]
AXE = "4.14.1"
PASSWORD = "correct horse battery"  # noqa: S105 - of users that exist in this test only
Open = Callable[..., Page]


@dataclass
class Site:
    """A console that runs, and what its servers are called."""

    base: str
    environment: dict[str, str]

    def command(self, *arguments: str, given: str = "") -> str:
        """Run one of our commands against the same servers."""
        done = subprocess.run(
            [sys.executable, "-m", "order_import", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: Callable[[], bool], seconds: float, why: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.2)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    port = free_port()
    log = directory / "up.log"
    clean = {name: one for name, one in os.environ.items() if not name.startswith("ORDER_IMPORT_")}
    with log.open("wb") as output:
        up = subprocess.Popen(
            [
                *(sys.executable, "-m", "order_import", "up", "--demo"),
                *("--data-dir", str(directory / "data")),
            ],
            cwd=ROOT,
            env={**clean, "ORDER_IMPORT_CONSOLE_PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(
            lambda: "All decided" in log.read_text() or up.poll() is not None, 180, log.read_text()
        )
        addresses = (directory / "data" / "addresses.env").read_text()
        named = dict(re.findall(r"^export (\w+)='([^']*)'$", addresses, re.MULTILINE))
        base = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(base), 30, "the console does not answer")
        yield Site(base, {**clean, **named})
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)


@pytest.fixture(scope="session")
def guarded_site(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A second console on the same servers, that people sign in to."""
    users = tmp_path_factory.mktemp("users") / "users"
    lines = [f"{who}:{hash_password(PASSWORD)}" for who in ("olga:operator", "vera:viewer")]
    users.write_text("\n".join(["# people", *lines, ""]))
    port = free_port()
    environment = {
        **site.environment,
        "ORDER_IMPORT_CONSOLE_PORT": str(port),
        "ORDER_IMPORT_CONSOLE_USERS_FILE": str(users),
    }
    console = subprocess.Popen(
        [sys.executable, "-m", "order_import", "console"], cwd=ROOT, env=environment
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(base), 30, "the console does not answer")
        yield Site(base, environment)
    finally:
        console.terminate()
        assert console.wait(30) == 0


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open pages that fail the test at any error of script, of policy or of a server."""
    contexts = []
    problems: list[str] = []

    def opened(**options: object) -> Page:
        settings = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(**settings)  # type: ignore[arg-type]  # options by name
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda said: (
                problems.append(said.text)
                if said.type == "error"
                and "the server responded with a status of 4" not in said.text
                else None
            ),
        )
        page.on(
            "response",
            lambda answer: (
                problems.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
            ),
        )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(request: pytest.FixtureRequest, open_page: Open) -> Page:
    return open_page(java_script_enabled=request.param)


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source, fetched once by npm."""
    cache = ROOT / ".cache" / f"axe-core-{AXE}"
    source = cache / "package" / "axe.min.js"
    if not source.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.fail("npm is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, "pack", f"axe-core@{AXE}", "--silent"], cwd=cache, check=True)
        subprocess.run(["tar", "xzf", f"axe-core-{AXE}.tgz"], cwd=cache, check=True)
    return source.read_text(encoding="utf-8")
