"""Somebody who never saw the console finds the trouble, mends it, and watches it go."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.demo_site import Site, wait_until


def number_of(page: Page, selector: str) -> int:
    return int(re.sub(r"\D", "", page.locator(selector).first.inner_text()))


def tile(at: int) -> str:
    """Return where the number of a replay's tile stands, the first being 1."""
    return f".tiles.plan li:nth-child({at}) .count"


def search(page: Page, text: str, *, script: bool) -> None:
    """Search: `/`, the text, Enter; without script by the link, the text, Enter."""
    if script:
        page.keyboard.press("/")
        page.wait_for_url("**/orders")
    else:
        page.get_by_role("navigation", name="Main").get_by_role("link", name="All orders").click()
    page.locator("#search").fill(text)
    page.keyboard.press("Enter")


def ask_until_a_fix_frees(page: Page, cause: Locator) -> tuple[str, int]:
    """Ask of one product after the other what a fix would free; give the first, and how many."""
    groups = page.url
    for at in range(cause.locator("tbody tr").count()):
        row = cause.locator("tbody tr").nth(at)
        sku = row.locator("a.sku").inner_text()
        row.get_by_role("link", name="What if…").click()
        would_be = number_of(page, ".tile.created .count")
        if would_be:
            return sku, would_be
        page.goto(groups)  # its orders have other trouble besides
    raise AssertionError("no fix frees anything")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_from_the_message_to_the_mended_product_the_replay_and_an_order(
    site: Site, open_page: Open, *, script: bool
) -> None:
    page = open_page(java_script_enabled=script)
    # Which store has trouble: the message at the top names it.
    page.goto(site.base)
    page.locator("#system-message a", has_text="Nordlicht Outdoor").click()
    created = number_of(page, ".tile.created .count")
    watching = open_page(java_script_enabled=script)
    watching.goto(page.url)

    # Why: the list of causes says what to do.
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Blocked").click()
    page.get_by_role("navigation", name="Stores").get_by_role("link", name="Nordlicht").click()
    cause = page.locator("section:has(#cause-disabled)")
    expect(cause).to_contain_text("Enable the product.")
    sku, would_be = ask_until_a_fix_frees(page, cause)

    # Mend it, and watch the orders go through on the page that was open already.
    page.get_by_role("button", name="Enable the product").click()
    expect(page.locator(".flash")).to_contain_text("The product is enabled")
    if script:  # it comes by itself; without, by looking again
        expect(watching.locator(".tile.created .count")).not_to_have_text(f"{created:,}")
    group = f"{site.base}/orders?reason=disabled&product={sku}&store=nordlicht-de"

    def is_free() -> bool:
        page.goto(group)
        return page.locator("tbody tr").count() == 0

    wait_until(is_free, "the orders stay blocked")

    def are_through() -> bool:
        watching.reload()
        return number_of(watching, ".tile.created .count") >= created + would_be

    wait_until(are_through, "the tile does not count them")

    # Replay what is left, with a reason.
    page.goto(f"{site.base}/blocked?store=nordlicht-de")
    page.get_by_role("link", name="Preview a replay of all").click()
    page.get_by_label("Reason (shown in the audit log)").fill("after the mended product")
    page.get_by_role("button", name="Start the replay").click()
    # The page of the replay is there: what is on its way cannot be loaded again.
    expect(page.locator("main")).to_contain_text("after the mended product")
    page.wait_for_load_state()

    def is_done() -> bool:
        page.reload()
        return page.locator(".job-done").count() == 1

    if not script:
        wait_until(is_done, "the replay does not end")
    expect(page.locator(".job-done")).to_be_visible()
    orders, decided = (number_of(page, tile(at)) for at in (1, 2))
    assert orders == decided > 0
    assert number_of(page, ".tile.blocked .count") > 0  # what nobody has mended stays blocked

    # Find an order by its number.
    page.goto(f"{site.base}/orders?store=harbor-us&state=created")
    number = page.locator("tbody tr a.number bdi").first.inner_text()
    page.goto(site.base)
    search(page, number, script=script)
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text(number)

    # What was done is written down.
    page.goto(f"{site.base}/audit")
    expect(page.locator("tbody")).to_contain_text("enabled a product")


def test_a_running_replay_is_canceled(site: Site, page: Page) -> None:
    with site.worker_paused():  # else it is over before anybody can cancel it
        page.goto(f"{site.base}/replays/new?state=blocked")
        page.get_by_label("Reason (shown in the audit log)").fill("to be canceled")
        page.get_by_role("button", name="Start the replay").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".flash")).to_contain_text("The replay is canceled")
        expect(page.locator(".job-canceled")).to_be_visible()
        orders, decided = (number_of(page, tile(at)) for at in (1, 2))
        assert decided < orders
    page.goto(f"{site.base}/audit")
    expect(page.locator("tbody tr").first).to_contain_text("canceled a replay")


def test_the_next_sync_is_asked_for(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/blocked")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator(".flash")).to_contain_text("being rechecked")
    page.goto(f"{site.base}/audit")
    expect(page.locator("tbody tr").first).to_contain_text("requested a sync")
