"""A whole installation with the demo's day of orders, and browsers with and without JavaScript."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from order_import.console.access import hash_password
from tests.browser.demo_site import HANG, ROOT, Site, answers, demo_site, free_port, wait_until
from tests.browser.needs import axe_source, chromium
from tests.browser.screenshots import FLAGS

PASSWORD = "correct horse battery"  # noqa: S105 - of users that exist in this test only
Open = Callable[..., Page]
expect.set_options(timeout=1000 * HANG)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with demo_site(tmp_path_factory.mktemp("site")) as started:
        yield started


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
        wait_until(lambda: answers(base), "the console does not answer")
        yield replace(site, base=base, environment=environment)
    finally:
        console.terminate()
        assert console.wait(HANG) == 0


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def another_site() -> Iterator[str]:
    """Another site on this machine. From any other address the browser itself keeps a page out."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open pages that fail the test at any error of script, of policy or of a server.

    With `may_fail` a server may say that it cannot.
    """
    contexts = []
    problems: list[str] = []

    def opened(*, may_fail: bool = False, **options: object) -> Page:
        settings = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(**settings)  # type: ignore[arg-type]  # options by name
        context.set_default_timeout(1000 * HANG)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        if may_fail:
            return page
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
    return axe_source()
