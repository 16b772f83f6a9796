"""The heartbeat: a thread that ends the process when its event loop does not run any more."""

import asyncio
import os
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)
BEAT_SECONDS = 1.0


async def beat(seconds: float, status: int, end: Callable[[int], None] = os._exit) -> None:
    """Beat for as long as it is not cancelled; without a beat for so long, end with that status."""
    last = [time.monotonic()]
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(BEAT_SECONDS):
            late = time.monotonic() - last[0]
            if late > seconds:
                log.error("worker-broken", error="Stalled", reason=f"no step for {late:.0f} s")
                end(status)
                return

    threading.Thread(target=watch, name="heartbeat", daemon=True).start()
    try:
        while True:
            last[0] = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
    finally:
        stopped.set()
