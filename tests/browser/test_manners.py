"""Manners: readable for all, small, still under the pointer, and closed to what is hostile."""

import json
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import PASSWORD, Open
from tests.browser.demo_site import HANG, Site, get, wait_until

PATHS = (
    *("/", "/stores/nordlicht-de", "/stores/nordlicht-de/import", "/orders", "/orders?min=x"),
    "/stores/nordlicht-de/import-non-amazon",
    *("/orders?state=blocked&store=harbor-us", "/blocked", "/replays", "/audit", "/health"),
    *("/replays/new?state=blocked", "/blocked/what-if?code=disabled&sku=POT-ICE-S", "/nowhere"),
    *("/match?seller_sku=POT-PROTO&store=harbor-us", "/dead-letters"),
)
_MOST_BYTES = 100_000
MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.exe'
HOSTILE = f"{MARKUP} \u05d0\u05d1\u05d2 👩‍👩‍👧‍👦🏴‍☠️ 'or'1'='1 {{7*7}} " + "unbroken" * 40
VERY_LONG = HOSTILE + " and so on \u202e👾" * 300


def paths_of(page: Page, site: Site) -> list[str]:
    found = [*PATHS]
    for where, selector in (
        ("/orders?state=blocked", "td.note a"),
        ("/orders?state=created", "td.note a"),
        ("/orders?state=created", "td a.number"),
        ("/dead-letters?all=1", "td.when a"),
    ):
        page.goto(site.base + where)
        found.append(page.locator(selector).first.get_attribute("href") or "")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(site: Site, open_page: Open, axe: str, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    found = {}
    for path in paths_of(page, site):
        page.goto(site.base + path)
        page.evaluate(axe)
        result = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', "
            "'best-practice']})"
        )
        problems = [
            f"{one['id']}: {node['target']} {node.get('failureSummary', '')[:160]}"
            for one in result["violations"]
            for node in one["nodes"][:3]
        ]
        if problems:
            found[path] = problems
    assert not found, "\n".join(f"{path} {one}" for path, them in found.items() for one in them)


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_no_page_is_wider_than_its_window(site: Site, open_page: Open, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    wide = {}
    for path in paths_of(page, site):
        page.goto(site.base + path)
        if (reach := page.evaluate("document.documentElement.scrollWidth")) > width:
            wide[path] = reach
    assert wide == {}


def test_every_page_is_small_and_carries_its_headers(site: Site, open_page: Open) -> None:
    page = open_page()
    for path in paths_of(page, site):
        answer = get(site.base + path)
        assert len(answer.content) < _MOST_BYTES, path
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_what_is_hostile_in_an_order_stays_text(
    site: Site, open_page: Open, *, script: bool
) -> None:
    order_id = f"<b>112-&\"'-000000{script:d}"
    order = {
        "store_id": "harbor-us",
        "amazon_order_id": order_id,
        "status": "Unshipped",
        "fulfillment_channel": "MFN",
        "purchase_date": "2026-11-22T23:59:59Z",
        "shipping_service": HOSTILE,
        "buyer": {"name": VERY_LONG, "email": HOSTILE},
        "ship_to": {"name": HOSTILE, "lines": [VERY_LONG], "country": MARKUP},
        "total": {"amount": "1.00", "currency": "USD"},
        "items": [
            {
                "order_item_id": "1",
                "seller_sku": MARKUP,
                "asin": MARKUP,
                "title": VERY_LONG,
                "quantity": 1,
                "price": {"amount": "1.00", "currency": "USD"},
            }
        ],
    }
    site.command("send", "orders", "-", given=json.dumps(order))
    page = open_page(java_script_enabled=script, viewport={"width": 360, "height": 800})
    said: list[str] = []

    def refuse(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    where = f"{site.base}/orders/harbor-us/{quote(order_id, safe='')}"
    wait_until(lambda: get(where).status_code == httpx.codes.OK, "it did not arrive")
    page.goto(where)
    page.locator("#buyer button").click()
    expect(page.locator("#buyer")).to_contain_text("<script>alert(2)</script>")
    for path in ("/", "/orders", "/blocked", "/audit", "/orders?q=" + quote(HOSTILE)):
        page.goto(site.base + path)
        assert page.locator("main img, main script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert said == []


def test_an_order_of_a_thousand_lines_has_a_small_page_all_the_same(
    site: Site, open_page: Open
) -> None:
    order = {
        "store_id": "harbor-us",
        "amazon_order_id": "112-1000000-0001000",
        "status": "Unshipped",
        "fulfillment_channel": "MFN",
        "purchase_date": "2026-11-22T22:00:00Z",
        "total": {"amount": "1000.00", "currency": "USD"},
        "items": [
            {
                "order_item_id": str(at),
                "seller_sku": f"NOWHERE-{at:04d}-" + "long-" * 8,
                "title": "A title 🏕️ " + "of many words " * 10,
                "quantity": 1,
                "price": {"amount": "1.00", "currency": "USD"},
            }
            for at in range(1000)
        ],
    }
    site.command("send", "orders", "-", given=json.dumps(order))
    where = f"{site.base}/orders/harbor-us/112-1000000-0001000"

    def is_judged() -> bool:
        answer = get(where)
        return answer.status_code == httpx.codes.OK and "not-in-catalog" in answer.text

    wait_until(is_judged, "it is not judged")
    assert len(get(where).content) < _MOST_BYTES
    page = open_page(viewport={"width": 360, "height": 800})
    page.goto(where)
    expect(page.locator("section.why")).to_contain_text("and 975 more")
    expect(page.locator("section:has(#items-title)")).to_contain_text("and 950 more")
    for path in ("/blocked", "/blocked?page=2", "/blocked?page=50", "/blocked?page=x"):
        answer = get(site.base + path)
        assert answer.status_code == httpx.codes.OK
        assert len(answer.content) < _MOST_BYTES, path
    page.goto(f"{site.base}/blocked")
    page.get_by_role("link", name="More").click()
    expect(page.locator("a.sku").first).to_contain_text("NOWHERE-")
    site.command(
        *("send", "orders", "-"), given=json.dumps({**order, "status": "Canceled", "items": []})
    )


def test_a_page_that_nobody_sees_listens_to_nothing(site: Site, open_page: Open) -> None:
    page = open_page()
    streams: list[str] = []
    page.on("request", lambda one: streams.append(one.url) if "/live" in one.url else None)
    page.goto(f"{site.base}/orders")
    wait_until(lambda: page.evaluate("true") and len(streams) == 1, "it does not listen")
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    with page.expect_event("requestfailed", lambda one: "/live" in one.url):
        page.evaluate(hide, True)
    with page.expect_request("**/live*"):
        page.evaluate(hide, False)
    assert len(streams) == 2


def test_nothing_shifts_while_a_page_comes(site: Site, open_page: Open) -> None:
    page = open_page()
    page.add_init_script(
        "window.shifted = 0; new PerformanceObserver(list => { for (const one of "
        "list.getEntries()) window.shifted += one.value; })"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    shifted = {}
    for path in paths_of(page, site):
        page.goto(site.base + path, wait_until="load")
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
        if moved := page.evaluate("window.shifted"):
            shifted[path] = moved
    assert shifted == {}


def test_live_numbers_come_and_nothing_moves(site: Site, open_page: Open) -> None:
    page = open_page()
    page.goto(f"{site.base}/orders")
    first = page.locator("tbody tr a.number").first
    place = first.bounding_box()
    order = {"store_id": "harbor-us", "amazon_order_id": "112-9999999-0000001", "status": "Pending"}
    site.command("send", "orders", "-", given=json.dumps(order))
    fresh = page.locator("[data-fresh]")
    expect(fresh).to_be_visible()
    expect(fresh).to_contain_text("Show 1 new")
    assert first.bounding_box() == place


def test_keys(site: Site, open_page: Open) -> None:
    page = open_page()
    page.goto(f"{site.base}/orders")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("tbody tr").nth(1).locator("input")).to_be_checked()
    expect(page.locator("tbody tr").nth(1)).to_have_class("here")
    page.keyboard.press("k")
    expect(page.locator("tbody tr").nth(0)).to_have_class("here")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def test_keys_can_be_turned_off(site: Site, open_page: Open) -> None:
    page = open_page()
    page.goto(f"{site.base}/orders")
    page.get_by_role("button", name="shortcuts off").click()
    expect(page.locator("html.script[data-keys=off]")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator("tr.here")).to_have_count(0)
    page.get_by_role("button", name="shortcuts on").click()
    expect(page.locator("html.script[data-keys=on]")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator("tr.here")).to_have_count(1)


def test_nobody_passes_without_signing_in(guarded_site: Site, page: Page) -> None:
    page.goto(f"{guarded_site.base}/orders?state=blocked")
    expect(page.locator("h1")).to_have_text("Sign in")
    assert "system-message" not in page.content()
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#error-sign-in")).to_be_visible()
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).to_have_text("All orders")
    assert page.url.endswith("/orders?state=blocked")
    page.locator("td.note a").first.click()
    expect(page.locator("#buyer button")).to_have_count(0)
    page.goto(f"{guarded_site.base}/orders?buyer=Dana")
    expect(page.locator("#error-buyer")).to_have_text("Only operators can search by buyer.")
    expect(page.locator("tbody tr")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{guarded_site.base}/orders")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_too_many_tries_are_refused(guarded_site: Site, open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    for _ in range(6):
        page.goto(f"{guarded_site.base}/sign-in")
        page.get_by_label("Name").fill("nobody")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#error-sign-in")).to_contain_text("Too many attempts")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/replays/new?order=no-slash", 400),
        ("/orders?q=" + "a" * 5_000, 414),
        ("/orders/%2e%2e/%2e%2e", 404),
        ("/orders?store=%00", 200),
        ("/orders?after=zzz", 400),
        ("/orders?to=0026-11-22", 400),
        ("/match?seller_sku=x&back=//[", 200),
        ("/sign-in?next=//evil.example", 303),
    ],
)
def test_a_hostile_address_is_answered_calmly(site: Site, path: str, status: int) -> None:
    answer = get(site.base + path)
    assert answer.status_code == status
    assert "evil" not in answer.headers.get("location", "")
    assert len(answer.content) < _MOST_BYTES


def test_a_form_from_elsewhere_changes_nothing(site: Site) -> None:
    with httpx.Client(base_url=site.base, timeout=HANG) as client:
        sent = {"lang": "de", "back": "//evil.example"}
        for elsewhere in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "http://evil.example"},
        ):
            assert client.post("/preferences", data=sent, headers=elsewhere).status_code == 403
        assert client.post("/preferences", data=sent).headers["location"] == "/"
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_another_site_can_link_here_and_do_nothing_else(
    site: Site, another_site: str, open_page: Open
) -> None:
    page = open_page(may_fail=True)  # the browser itself complains of what is refused
    page.goto(f"{site.base}/audit")
    before = page.locator("tbody tr").count()
    page.goto(another_site)
    ended: dict[str, bool] = {}
    page.on("requestfinished", lambda one: ended.update({one.url.removeprefix(site.base): True}))
    page.on("requestfailed", lambda one: ended.update({one.url.removeprefix(site.base): False}))
    page.set_content(
        f"<img src='{site.base}/orders.csv'><iframe src='{site.base}/orders?buyer=Dana'></iframe>"
        f"<a href='{site.base}/replays/new?state=blocked'>a dry run</a> "
        f"<a href='{site.base}/blocked'>a page</a>"
    )
    wait_until(lambda: page.evaluate("true") and len(ended) >= 2, "nothing is asked for")
    assert ended == {"/orders.csv": False, "/orders?buyer=Dana": False}
    for path, asked_by in (("/orders.csv", "image"), ("/orders?buyer=Dana", "iframe")):
        fetch = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        headers = {**fetch, "sec-fetch-dest": asked_by}
        assert httpx.get(site.base + path, headers=headers, timeout=HANG).status_code == 403
    page.get_by_role("link", name="a dry run").click()
    expect(page.locator("h1")).to_have_text("This link comes from another site.")
    page.get_by_role("link", name="Open it").click()
    expect(page.get_by_label("Reason (shown in the audit log)")).to_be_visible()
    page.goto(another_site)
    page.set_content(f"<a href='{site.base}/blocked'>a page</a>")
    page.get_by_role("link", name="a page").click()
    expect(page.locator("h1")).to_have_text("Blocked orders")
    page.goto(f"{site.base}/audit")
    assert page.locator("tbody tr").count() == before


def test_an_address_that_names_no_place_leads_to_the_first_page(
    site: Site, open_page: Open
) -> None:
    page = open_page()
    page.goto(f"{site.base}/orders?after=W251bGwsICJcdWQ4MDAiXQ")
    expect(page.locator("h1")).to_have_text("This address is not a place in the list.")
    page.get_by_role("link", name="Open it").click()
    expect(page.locator("h1")).to_have_text("All orders")
