"""What operators do, in a real browser on real servers, with and without JavaScript."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.browser.demo_site import Site, wait_until

MESSAGE = (
    "Your Amazon store(s) has orders that cannot be imported into Commerce. "
    "See Recent Orders in the store dashboard(s): "
)
BLOCKED = "/orders?state=blocked"


def first_order(page: Page, site: Site, where: str) -> str:
    page.goto(site.base + where)
    return page.locator("td.note a").first.get_attribute("href") or ""


def test_the_system_message_stands_word_for_word_with_links(site: Site, page: Page) -> None:
    page.goto(site.base)
    assert (
        page.locator("#system-message").inner_text() == f"{MESSAGE}Harbor & Pine, Nordlicht Outdoor"
    )
    page.locator("#system-message a").first.click()
    expect(page.locator("h1")).to_have_text("Harbor & Pine")
    expect(page.get_by_role("heading", name="Recent Orders")).to_be_visible()


def until_switched(page: Page, toggle: Locator, wanted: str) -> None:
    """Look again until the worker has stored what was asked for: the page waits a moment only."""
    expect(page.locator(".flash")).to_be_visible()

    def is_switched() -> bool:
        if wanted in toggle.inner_text():
            return True
        page.reload()
        return False

    wait_until(is_switched, "the worker does not store it")


def test_import_is_turned_off_and_on_after_a_question(site: Site, page: Page) -> None:
    for was, wanted in (("off", "Disabled"), ("on", "Enabled")):
        page.goto(f"{site.base}/stores/harbor-us")
        toggle = page.locator("a.toggle[href$='/import']")
        toggle.click()
        expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
        page.get_by_role("button", name=f"Turn import {was}").click()
        until_switched(page, toggle, wanted)
    page.goto(f"{site.base}/audit")
    expect(page.locator("tbody tr").nth(0)).to_contain_text("turned import on")
    expect(page.locator("tbody tr").nth(1)).to_contain_text("turned import off")


def test_import_of_non_amazon_orders_is_turned_on_and_off_after_a_question(
    site: Site, page: Page
) -> None:
    for action, wanted in (("on", "Enabled"), ("off", "Disabled")):
        page.goto(f"{site.base}/stores/harbor-us")
        toggle = page.locator("a.toggle[href$='/import-non-amazon']")
        toggle.click()
        expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
        page.get_by_role("button", name=f"Turn {action}").click()
        until_switched(page, toggle, wanted)
    page.goto(f"{site.base}/audit")
    expect(page.locator("tbody tr").nth(0)).to_contain_text("import of non-Amazon orders off")
    expect(page.locator("tbody tr").nth(1)).to_contain_text("import of non-Amazon orders on")


def test_orders_are_filtered_by_a_link_that_can_be_kept(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/orders")
    page.locator("#search").fill("state:blocked reason:out-of-stock")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr").first).to_contain_text("out of stock")
    kept = page.url
    count = page.locator("#count").inner_text()
    page.goto(f"{site.base}/")
    page.goto(kept)
    assert page.locator("#count").inner_text() == count


def test_a_wrong_filter_says_so_under_its_box(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/orders?q=color:red&min=much")
    expect(page.locator("#error-q")).to_contain_text("There is no field “color”")
    expect(page.locator("#error-min")).to_contain_text("“much” is not valid here. Expected: 19.99")
    expect(page.locator("#search")).to_have_attribute("aria-invalid", "true")


def test_pages_lead_through_all_orders_once_and_back(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/orders")
    first = (
        page.locator("td.pick input").evaluate_all("all => all.map(one => one.value)")
        if (page.locator("html.script").count())
        else [one.get_attribute("value") for one in page.locator("td.pick input").all()]
    )
    seen = list(first)
    while page.locator("a[rel=next]").count():
        with page.expect_navigation():
            page.locator("a[rel=next]").click()
        seen += [one.get_attribute("value") for one in page.locator("td.pick input").all()]
    assert len(seen) == len(set(seen)) >= 423
    while page.locator("a[rel=prev]").count():
        with page.expect_navigation():
            page.locator("a[rel=prev]").click()
    assert [one.get_attribute("value") for one in page.locator("td.pick input").all()] == first


def test_the_order_number_leads_to_commerce_or_to_seller_central(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/orders?state=created&store=nordlicht-de")
    page.locator("td a.number").first.click()
    expect(page.locator("h1")).to_contain_text("Commerce order")
    outside = page.get_by_role("link", name="Open in Commerce")
    expect(outside).to_have_attribute("href", re.compile("^https://commerce.example/orders/"))
    page.goto(f"{site.base}/orders?state=skipped&store=nordlicht-de")
    number = page.locator("td a.number").first
    expect(number).to_have_attribute(
        "href", re.compile(r"^https://sellercentral\.amazon\.de/orders-v3/order/304-")
    )
    expect(number).to_have_attribute("target", "_blank")
    page.locator("td.note a").first.click()
    expect(page.locator("main")).to_contain_text("It is view-only here")


def test_a_buyer_is_masked_until_shown_and_that_is_recorded(site: Site, page: Page) -> None:
    where = first_order(page, site, f"{BLOCKED}&buyer=Dana")
    page.goto(site.base + where)
    assert "Dana" not in page.content()
    with page.expect_response(lambda answer: "shown=" in answer.url) as shown:
        page.locator("#buyer button").click()
    expect(page.locator("#buyer")).to_contain_text("Dana Muster")
    seconds, _, url = shown.value.headers["refresh"].partition("; url=")
    assert 0 < int(seconds) <= 121
    assert page.url.startswith(site.base + url)
    page.goto(f"{site.base}/audit")
    expect(page.locator("tbody tr").first).to_contain_text("viewed the buyer")
    assert "Dana" not in page.content()


def test_exports_hold_what_is_filtered_and_no_buyer(site: Site, open_page: Open) -> None:
    page = open_page()
    page.goto(site.base + BLOCKED)
    count = int(page.locator("#count").inner_text().split()[0])
    for kind, head in (("csv", 1), ("jsonl", 0)):
        text = page.request.get(f"{site.base}/orders.{kind}?state=blocked").text()
        assert len(text.splitlines()) == count + head
        assert "Muster" not in text
        assert "Example" not in text


def test_a_chosen_selection_is_replayed_after_a_dry_run(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/orders?reason=import-disabled&store=harbor-us")
    page.locator("td.pick input").first.check()
    page.get_by_role("button", name="Preview a replay of the selected orders").click()
    expect(page.locator(".tile.created .count").first).to_have_text("1")
    why = page.get_by_label("Reason (shown in the audit log)")
    why.fill("they were <b>wanted</b> after all")
    page.get_by_role("button", name="Start the replay").click()
    expect(page.locator("main")).to_contain_text("they were <b>wanted</b> after all")

    def is_done() -> bool:
        page.reload()
        return page.locator(".job-done").count() == 1

    page.wait_for_load_state()
    if not page.locator("html.script").count():  # with it, the page looks again by itself
        wait_until(is_done, "the replay does not end")
    expect(page.locator(".job-done")).to_be_visible()
    expect(page.locator(".tile.created .count")).to_have_text("1")
    page.goto(f"{site.base}/replays")
    expect(page.locator("tbody tr").first).to_contain_text("local operator")


def test_a_replay_of_nothing_chosen_is_none(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/orders?store=harbor-us")
    page.get_by_role("button", name="Preview a replay of the selected orders").click()
    expect(page.locator("main")).to_contain_text("Nothing was selected.")


def test_a_replay_without_a_reason_is_not_started(site: Site, open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{site.base}/replays/new?state=blocked")
    page.get_by_label("Reason (shown in the audit log)").fill("   ")
    page.get_by_role("button", name="Start the replay").click()
    expect(page.locator("#error-why")).to_be_visible()


def test_what_a_fix_would_free_is_said_and_nothing_changes(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/blocked")
    before = page.locator("h1 + .dim").inner_text()
    page.locator("section:has(#cause-out-of-stock) td.do a").first.click()
    page.locator("input[name=quantity]").fill("500")
    page.get_by_role("button", name="What would happen?").click()
    assert int(page.locator(".tile.created .count").inner_text()) > 0
    page.goto(f"{site.base}/blocked")
    assert page.locator("h1 + .dim").inner_text() == before


def test_a_match_frees_orders(site: Site, page: Page) -> None:
    page.goto(site.base)
    seller_sku = "TENT-PROTO" if page.locator("html.script").count() else "STOVE-PROTO"
    page.goto(f"{site.base}/match?seller_sku={seller_sku}&store=nordlicht-de")
    page.get_by_label("Catalog SKU").fill("no such SKU")
    page.get_by_role("button", name="Match").click()
    expect(page.locator("#error-sku")).to_be_visible()
    page.get_by_label("Catalog SKU").fill("TENT-MOSS-S")
    page.get_by_role("button", name="Match").click()
    expect(page.locator(".flash")).to_contain_text("The match was saved")
    group = f"{site.base}/orders?reason=not-in-catalog&product={seller_sku}&store=nordlicht-de"

    def is_free() -> bool:
        page.goto(group)
        return page.locator("tbody tr").count() == 0

    wait_until(is_free, "the orders stay blocked")


def test_dead_letters_are_shown_masked_and_driven_again(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/dead-letters")
    page.locator("tbody tr", has_text="unknown-store").locator("a").first.click()
    expect(page.locator("pre")).to_contain_text("MarketplaceId")
    page.get_by_role("button", name="Redrive").click()
    expect(page.locator(".flash")).to_contain_text("Redriven")


def test_health_names_servers_lag_and_workers(site: Site, page: Page) -> None:
    page.goto(f"{site.base}/health")
    for name in ("Kafka", "MongoDB", "Workers", "Lag", "Oldest undecided"):
        expect(page.locator(".tile", has_text=name).first).to_be_visible()
    expect(page.locator(".tile", has_text="Workers").locator(".count")).to_have_text("1")


def test_german_by_the_browser_and_by_the_switch(site: Site, open_page: Open) -> None:
    page = open_page(locale="de-AT")
    page.goto(f"{site.base}/orders")
    expect(page.locator("h1")).to_have_text("Alle Bestellungen")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("All orders")
