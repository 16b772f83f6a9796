"""Whatever fails under a page: it says what happened and what to do, and no error's own text."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pymongo.errors import OperationFailure
from starlette.types import Message
from structlog.testing import capture_logs

from models.errors import BrokerUnavailable, StorageUnavailable
from order_import.console.app import build_app
from order_import.console.error_pages import PROBLEMS
from storage.queries import Activity, Hour, OrderRow, QueryTookTooLong
from tests.unit.console_kit import ASKED, NOW, Failing, Quiet, a_client, a_context, a_row
from tests.unit.readers import FakeReader

SECRET = "Erika Mustermann, erika@example.org"  # noqa: S105 - a buyer, who must not be shown
PAGES = (
    *("/", "/stores/us", "/stores/us/import", "/stores/us/import-non-amazon", "/orders"),
    "/orders?sort=ship-by&state=blocked",
    *("/orders?buyer=Dana", "/orders?state=blocked", "/orders.csv", "/orders.jsonl"),
    *("/orders/us/112-1", "/commerce/abc", "/blocked", "/blocked/what-if?sku=A&code=disabled"),
    *("/match?seller_sku=A&store=us", "/replays/new?state=blocked", "/replays/new?buyer=Dana"),
    *("/replays/abc", "/dead-letters", "/dead-letters/amazon.orders:0:1", "/health", "/audit"),
)
ERRORS: tuple[tuple[Exception, int], ...] = (
    (StorageUnavailable(SECRET), 503),
    (BrokerUnavailable(SECRET), 503),
    (QueryTookTooLong(SECRET), 503),
    (TimeoutError(SECRET), 503),
    (OperationFailure(SECRET, 50, {"errmsg": SECRET}), 500),
    (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), 500),
    (RuntimeError(SECRET), 500),
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda one: type(one).__name__)
async def test_every_page_says_what_happened_and_what_to_do(
    path: str, error: Exception, status: int
) -> None:
    failing = Failing(error)
    with capture_logs() as logged:
        async with a_client(a_context(**dict.fromkeys(ASKED, failing))) as client:
            answer = await client.get(path)
    shown = answer.text
    assert answer.status_code == status
    known = [page for kind, page in PROBLEMS.items() if isinstance(error, kind)]
    assert known[0].advice in shown if known else "Something went wrong in the console." in shown
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for text in (shown, str(logged)):
        assert not any(unit in text for unit in ("Erika", "example.org", "Traceback"))
    broken = [entry for entry in logged if entry["event"] == "page-failed"]
    assert [one["error"] for one in broken] == ([type(error).__name__] if status == 500 else [])


async def test_an_export_that_cannot_begin_is_a_page_and_no_empty_file() -> None:
    context = a_context(orders=Failing(QueryTookTooLong()), state=Quiet())
    async with a_client(context) as client:
        answer = await client.get("/orders.csv")
    assert answer.status_code == 503
    assert "content-disposition" not in answer.headers
    assert "This took too long" in answer.text


class SlowOrders(Quiet):
    """Orders of which counts and hours are known, and which cannot be read in time."""

    async def activity(self, *_: object) -> Activity:
        return Activity([Hour(NOW, 1, 1)], None, None)

    async def page(self, *_: object, **__: object) -> None:
        raise QueryTookTooLong

    async def blocked_stores(self, _: object) -> list[str]:
        return []


async def test_a_dashboard_whose_orders_take_too_long_shows_its_numbers() -> None:
    """It answered 500 on a slow machine."""
    context = a_context(orders=SlowOrders(), reader=FakeReader(blocked={"us": 4_711}))
    async with a_client(context) as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    assert "4,711" in answer.text
    assert "This took too long and was stopped." in answer.text


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("order=112-1", "This order does not exist."),
        ("state=nonsense", "The filter is not valid. Go back and correct it."),
        ("number=1", "There are more than 5,000 orders. Narrow the filter."),
    ],
)
async def test_a_replay_that_cannot_be_asked_for_says_why(asked: str, line: str) -> None:
    class Many(Quiet):
        async def stream(self, _: object) -> AsyncIterator[OrderRow]:
            for number in range(5_001):
                yield a_row(amazon_order_id=f"112-{number}")

    async with a_client(a_context(orders=Many())) as client:
        answer = await client.get(f"/replays/new?{asked}")
    assert answer.status_code == 400
    assert line in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/products/enable", 405), ("DELETE", "/", 405)],
)
async def test_what_is_not_there_is_said_so(method: str, path: str, status: int) -> None:
    async with a_client(a_context()) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.text.strip()


class BreaksOff:
    """Orders that can be read up to the 250th."""

    async def stream(self, _: object) -> AsyncIterator[OrderRow]:
        for number in range(250):
            yield a_row(amazon_order_id=f"112-{number}")
        raise StorageUnavailable(SECRET)


async def test_an_answer_that_breaks_off_is_not_made_to_look_whole() -> None:
    """The head is out already: the end is left away, and the server closes the connection."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/orders.jsonl",
        "query_string": b"",
        "headers": [],
    }
    app = build_app(a_context(orders=BreaksOff(), state=Quiet()))
    await app(scope, nothing, keep)
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is True
