"""Waiting for something to become so, on any machine."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 300.0
"""How many seconds a test waits for what must happen. A limit for what hangs, so a long one."""


async def until(holds: Callable[[], Awaitable[bool]], pause: float = 0.1) -> None:
    """Ask again and again; at most so long.

    Raises:
        TimeoutError: It hangs.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            if await holds():
                return
            await asyncio.sleep(pause)
