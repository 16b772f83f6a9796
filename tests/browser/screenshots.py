"""Screenshots of every page, of the demo's orders: `python -m tests.browser.screenshots [URL]`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.demo_site import demo_site
from tests.browser.needs import chromium

OUT = Path(__file__).parents[2] / "docs" / "console"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WIDTH, HEIGHT = 1360, 880
PAGES = {
    "dashboard": "/",
    "store": "/stores/nordlicht-de",
    "import-switch": "/stores/nordlicht-de/import",
    "orders": "/orders",
    "orders-filtered": "/orders?q=reason:out-of-stock&store=nordlicht-de&min=abc",
    "blocked": "/blocked",
    "dry-run": "/replays/new?state=blocked",
    "replays": "/replays",
    "dead-letters": "/dead-letters",
    "health": "/health",
    "audit": "/audit",
}


def first_link(page: Page, base: str, path: str, selector: str) -> str:
    """Give where the first such link of a page leads."""
    page.goto(base + path)
    return page.locator(selector).first.get_attribute("href") or "/"


def take(browser: Browser, base: str) -> None:
    """Take all of them."""
    OUT.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US")
    page = context.new_page()
    pages = dict(PAGES)
    blocked = first_link(page, base, "/orders?state=blocked", "td.note a")
    pages["order-blocked"] = blocked
    pages["order-created"] = first_link(page, base, "/orders?state=created", "td.note a")
    pages["commerce-order"] = first_link(page, base, "/orders?state=created", "td a.number")
    pages["what-if"] = first_link(page, base, "/blocked", "td.do a[href*='what-if']")
    pages["match"] = first_link(page, base, "/blocked", "td.do a[href*='/match']")
    pages["dead-letter"] = first_link(page, base, "/dead-letters", "td.when a")
    replay_something(page, base)
    pages["replay"] = first_link(page, base, "/replays", "td.when a")
    for name, path in pages.items():
        shoot(page, base + path, name)
    context.close()
    dark = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark", locale="de-DE"
    )
    for name in ("dashboard", "blocked", "order-blocked"):
        shoot(dark.new_page(), base + pages[name], f"{name}-dark-de")
    dark.close()
    for width, name in ((360, "narrow"), (2560, "wide")):
        sized = browser.new_context(viewport={"width": width, "height": HEIGHT}, locale="en-US")
        for one in ("dashboard", "orders", "blocked"):
            shoot(sized.new_page(), base + pages[one], f"{one}-{name}")
        sized.close()


def replay_something(page: Page, base: str) -> None:
    """Replay what was skipped while import was off, so that there is something to see."""
    page.goto(f"{base}/replays/new?reason=import-disabled")
    why = page.get_by_label("Reason (shown in the audit log)")
    if why.count():
        why.fill("Import is on again: bring in what was skipped")
        page.get_by_role("button", name="Start the replay").click()
        page.locator(".job-done").wait_for(timeout=30_000)


def shoot(page: Page, url: str, name: str) -> None:
    """Take one, of the whole page up to a length that can still be looked at."""
    page.goto(url, wait_until="load")
    page.wait_for_timeout(150)
    height = min(int(page.evaluate("document.documentElement.scrollHeight")), 2_400)
    size = page.viewport_size or {"width": WIDTH, "height": HEIGHT}
    clip = {"x": 0.0, "y": 0.0, "width": float(size["width"]), "height": float(height)}
    page.screenshot(path=OUT / f"{name}.png", full_page=True, clip=clip)  # type: ignore[arg-type]  # a FloatRect
    print(f"{name}: {url}")  # noqa: T201 - a command of ours


def take_all(base: str) -> None:
    """Take them of a console that runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        take(browser, base)
        browser.close()


def main() -> None:
    """Take them of the console that the first argument names, else of one of its own."""
    if len(sys.argv) > 1:
        take_all(sys.argv[1].rstrip("/"))
        return
    with tempfile.TemporaryDirectory() as directory, demo_site(Path(directory)) as site:
        take_all(site.base)


if __name__ == "__main__":
    main()
