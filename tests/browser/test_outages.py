"""A bad hour: Kafka or MongoDB does not answer, and the pages say so calmly."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.demo_site import ROOT, Site, answers, free_port, wait_until


@pytest.fixture(params=["mongo", "kafka"])
def broken_site(site: Site, request: pytest.FixtureRequest) -> Iterator[tuple[str, Site]]:
    """A console one of whose servers is nowhere."""
    nowhere = free_port()
    lost = {
        "mongo": {
            "ORDER_IMPORT_MONGO_URL": f"mongodb://127.0.0.1:{nowhere}/?directConnection=true"
        },
        "kafka": {"ORDER_IMPORT_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{nowhere}"},
    }[request.param]
    port = free_port()
    environment = {**site.environment, **lost, "ORDER_IMPORT_CONSOLE_PORT": str(port)}
    console = subprocess.Popen(
        [sys.executable, "-m", "order_import", "console"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(base, "/healthz"), 30, "the console does not answer")
        yield request.param, Site(base, environment)
    finally:
        os.kill(console.pid, signal.SIGTERM)
        console.wait(30)


def test_a_server_that_does_not_answer_is_named_calmly(
    broken_site: tuple[str, Site], open_page: Open
) -> None:
    lost, site = broken_site
    assert httpx.get(f"{site.base}/healthz").text == "ok\n"
    ready = httpx.get(f"{site.base}/readyz", timeout=20)
    page = open_page(may_fail=True)
    page.set_default_timeout(60_000)
    page.set_default_navigation_timeout(60_000)
    if lost == "mongo":
        assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
        page.goto(site.base)
        expect(page.locator("main")).to_contain_text("MongoDB does not answer.")
        assert "Traceback" not in page.content()
    else:
        assert ready.status_code == httpx.codes.OK
        page.goto(f"{site.base}/orders")  # reading needs no Kafka
        expect(page.locator("tbody tr").first).to_be_visible()
        page.goto(f"{site.base}/blocked")
        page.get_by_role("button", name="Next sync now").click()
        expect(page.locator("main")).to_contain_text("Kafka does not answer.", timeout=60_000)
    page.goto(f"{site.base}/health")
    name = "MongoDB" if lost == "mongo" else "Kafka"
    expect(page.locator(".tile", has_text=name).first).to_contain_text("does not answer")
