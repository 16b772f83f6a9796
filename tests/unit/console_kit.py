"""A console without servers: its application, and a context that fails as it is told to."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.outcome import ImportState
from order_import.console.access import Access
from order_import.console.app import build_app
from order_import.console.cache import Cache
from order_import.console.context import ConsoleContext
from order_import.settings import Settings
from storage.queries import OrderLine, OrderRow
from tests.builders import money

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Failing:
    """Anything of a context; every question to it raises the same error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __call__(self, *_: object) -> Any:
        raise self._error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def ask(*_: object, **__: object) -> None:
            raise self._error

        async def stream(*_: object, **__: object) -> AsyncIterator[None]:
            raise self._error
            yield

        return stream if name == "stream" else ask


class Quiet:
    """Anything of a context; every question to it is answered by nothing."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def ask(*_: object, **__: object) -> None:
            return None

        return ask


def a_row(**overrides: Any) -> OrderRow:
    """Return a blocked order as a row of a list."""
    line = OrderLine(
        store_id="us",
        amazon_order_id="112-1",
        purchase_date=NOW,
        status=AmazonStatus.UNSHIPPED,
        channel=FulfillmentChannel.MFN,
        total=money("19.99"),
        state=ImportState.BLOCKED,
        reasons=("out-of-stock",),
        commerce_order_id=None,
        order_number=None,
        commerce_status=None,
    )
    return OrderRow(
        line=replace(line, **overrides),
        buyer_name="Dana Muster",
        skus=("SKU-1",),
        since=NOW,
        decided_at=NOW,
        received_at=NOW,
        latest_ship_date=NOW,
    )


ASKED = ("reader", "orders", "state", "storage", "dead_letters", "publish", "check_health")
"""What of a context asks a server."""


def a_context(**fakes: Any) -> ConsoleContext:
    """Return a context of these fakes; what is not given fails when it is asked."""
    missing = Failing(AssertionError("nobody should ask this"))
    return ConsoleContext(
        **{name: fakes.get(name, missing) for name in ASKED},
        settings=Settings(),
        access=fakes.get("access", Access(None, frozenset(), secure=False)),
        now=lambda: NOW,
        cache=Cache(),
    )


def a_client(context: ConsoleContext) -> httpx.AsyncClient:
    """Return a client of the whole application; it follows no redirect."""
    transport = httpx.ASGITransport(build_app(context), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://console")
