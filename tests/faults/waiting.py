"""Waiting for something to become so."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], Awaitable[bool]], pause: float = 0.1) -> None:
    """Ask again and again; the caller says how long at most, by `asyncio.timeout`."""
    while True:
        if await holds():
            return
        await asyncio.sleep(pause)
