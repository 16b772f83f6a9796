"""Waiting for something to become so."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 900.0
"""How many seconds is waited for what must happen, on any machine: a limit for what hangs."""


async def until(holds: Callable[[], Awaitable[bool]], pause: float = 0.1) -> None:
    """Ask again and again; the caller says how long at most, by `asyncio.timeout`."""
    while True:
        if await holds():
            return
        await asyncio.sleep(pause)
