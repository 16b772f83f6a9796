"""A bad hour: Kafka or MongoDB does not answer, and the pages say so calmly."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.demo_site import HANG, ROOT, Site, answers, free_port, get, wait_until


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
        wait_until(lambda: answers(base, "/healthz"), "the console does not answer")
        yield request.param, replace(site, base=base, environment=environment)
    finally:
        os.kill(console.pid, signal.SIGTERM)
        console.wait(HANG)


def test_a_server_that_does_not_answer_is_named_calmly(
    broken_site: tuple[str, Site], open_page: Open
) -> None:
    lost, site = broken_site
    assert get(f"{site.base}/healthz").text == "ok\n"
    page = open_page(may_fail=True)
    if lost == "mongo":
        assert get(f"{site.base}/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
        for path in ("/", "/orders", "/blocked", "/audit", "/dead-letters"):
            page.goto(site.base + path)
            expect(page.locator("main")).to_contain_text("MongoDB does not answer.")
            expect(page.locator("main")).to_contain_text("Reload this page in a moment.")
    else:
        wait_until(lambda: answers(site.base), "it is not ready without Kafka")
        page.goto(f"{site.base}/orders")  # reading needs no Kafka
        expect(page.locator("tbody tr").first).to_be_visible()
        page.goto(f"{site.base}/blocked")
        page.get_by_role("button", name="Sync now").click()
        expect(page.locator("main")).to_contain_text("Kafka does not answer.")
    page.goto(f"{site.base}/health")
    name = "MongoDB" if lost == "mongo" else "Kafka"
    expect(page.locator(".tile", has_text=name).first).to_contain_text("does not answer")
