"""From a blocked order to the message, and by its link to the fix that is seen to work."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import expect

from streams.clock import now
from tests.browser.conftest import Open
from tests.browser.demo_site import HANG, ROOT, Site, wait_until

STORE = "harbor-us"
SECONDS = 10.0
"""From the block to the message: what issue and documents promise."""


class Hook(ThreadingHTTPServer):
    """A webhook; `accepted` are the messages, each with the moment of its arrival."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Accepting)
        self.accepted: list[tuple[datetime, dict[str, Any]]] = []

    def about(self, sku: str) -> list[tuple[datetime, dict[str, Any]]]:
        return [
            (at, body)
            for at, body in self.accepted
            if sku in [cause["sku"] for cause in body["causes"]]
        ]


class _Accepting(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Hook)
        self.server.accepted.append((now(), json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hook(site: Site) -> Iterator[Hook]:
    """The receiver of one notifier: what it has told once, it tells no other."""
    with Hook() as hook:
        Thread(target=hook.serve_forever, daemon=True).start()
        environment = {
            **site.environment,
            "ORDER_IMPORT_NOTIFY_WEBHOOK_URL": f"http://127.0.0.1:{hook.server_port}/",
            "ORDER_IMPORT_CONSOLE_PUBLIC_URL": site.base,
        }
        notifier = subprocess.Popen(
            [sys.executable, "-m", "order_import", "notify"], cwd=ROOT, env=environment
        )
        try:
            wait_until(lambda: bool(hook.accepted), "the causes of the demo are not told")
            yield hook
        finally:
            notifier.terminate()
            assert notifier.wait(HANG) == 0
            hook.shutdown()


def blocked_at(site: Site, order: str) -> datetime | None:
    """Return when an order was blocked; None as long as it is not there."""
    listed = json.loads(site.command("orders", "--state", "blocked", "--json", "--limit", "10000"))
    if order not in json.dumps(listed):
        return None
    entries = json.loads(site.command("explain", order, "--json"))["history"]
    return next(datetime.fromisoformat(one["at"]) for one in entries if one["what"] == "blocked")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_from_blocked_to_the_message_to_fixed_and_seen_fixed_in_three_actions(
    site: Site, hook: Hook, open_page: Open, *, script: bool
) -> None:
    sku, number = f"NOTIFY-{int(script)}", f"903-0000000-000000{int(script)}"
    at = now()
    product = {"sku": sku, "enabled": False, "salable_quantity": 5, "as_of": at.isoformat()}
    order = {
        "store_id": STORE,
        "amazon_order_id": number,
        "status": "Unshipped",
        "fulfillment_channel": "MFN",
        "purchase_date": (at - timedelta(minutes=5)).isoformat(),
        "last_update_date": at.isoformat(),
        "latest_ship_date": (at + timedelta(days=2)).isoformat(),
        "total": {"amount": "19.90", "currency": "USD"},
        "items": [
            {
                "order_item_id": "1",
                "seller_sku": sku,
                "quantity": 1,
                "price": {"amount": "19.90", "currency": "USD"},
            }
        ],
    }
    site.command("send", "products", "-", given=json.dumps(product))
    site.command("send", "orders", "-", given=json.dumps(order))
    wait_until(lambda: bool(hook.about(sku)), "the cause is not told")
    wait_until(lambda: blocked_at(site, number) is not None, "the order is not blocked")
    [(arrived, body)] = hook.about(sku)
    blocked = blocked_at(site, number)
    assert blocked is not None
    assert (arrived - blocked).total_seconds() < SECONDS
    assert body["kind"] == "blocked"
    assert body["title"] == f"1 order blocked: The item in the catalog is disabled ({sku})"
    assert body["causes"][0]["value"] == [{"amount": "19.90", "currency": "USD"}]

    page = open_page(java_script_enabled=script)
    page.goto(body["link"])  # the first action: the link of the message
    expect(page.locator("h1")).to_contain_text(sku)
    expect(page.locator(".tile.created .count").first).to_have_text("1")
    page.get_by_role("button", name="Enable the product").click()  # the second
    expect(page.locator(".flash")).to_contain_text("The product is enabled")

    def is_gone() -> bool:
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Blocked").click()
        return page.locator("a.sku", has_text=sku).count() == 0

    wait_until(is_gone, "the cause stays")  # the third: look
    created = json.loads(site.command("explain", number, "--json"))["import"]["state"]
    assert created == "created"
