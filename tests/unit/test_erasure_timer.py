"""Rule 27: the worker erases what has expired, at its start and then again and again."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from models.errors import StorageUnavailable
from order_import.worker import run_erasure_timer
from tests.waiting import until


class Sweeping:
    """A storage that has something to erase at each second attempt, and fails at the others."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []

    async def erase_expired(self, at: datetime) -> tuple[int, int]:
        self.asked.append(at)
        if len(self.asked) % 2:
            raise StorageUnavailable("no server found")
        return (3, 1)

    async def erased_once(self) -> bool:
        return len(self.asked) > 1


async def test_rule_27_a_failed_erasure_is_logged_and_tried_again() -> None:
    storage: Any = Sweeping()
    with structlog.testing.capture_logs() as lines:
        timer = asyncio.create_task(run_erasure_timer(0.001, storage))
        await until(storage.erased_once, 0.001)
        timer.cancel()
        with suppress(asyncio.CancelledError):
            await timer
    assert [line["event"] for line in lines[:2]] == ["buyer-data-not-erased", "buyer-data-erased"]
    assert (lines[1]["orders"], lines[1]["dead_letters"]) == (3, 1)
