"""The worker and the console of an `up`: processes of their own, started again when they end."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from order_import.embedded.errors import EmbeddedServerError
from order_import.embedded.process import ServerProcess

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_LIVED_WELL = 60.0
"""Seconds after which an end is taken for an accident, and no longer for a worker that cannot."""


async def keep_running(command: str, log: Path, lock: int, report: Callable[[str], None]) -> None:
    """Run a command of ours for as long as this is not cancelled; then it is stopped by a SIGTERM.

    Args:
        command: `worker` or `console`.
        log: The file for what it logs.
        lock: The data directory's lock, held by the process too.
        report: Told, in one line, when it ended and is started again.
    """
    loop = asyncio.get_running_loop()
    pause = _FIRST_PAUSE
    while True:
        began = loop.time()
        process = ServerProcess(f"the {command}", log)
        try:
            # -P: the data directory, which it runs in, is no place to import from.
            await process.spawn([sys.executable, "-P", "-m", "order_import", command], lock=lock)
            await process.watch()
        except EmbeddedServerError as error:
            if loop.time() - began > _LIVED_WELL:
                pause = _FIRST_PAUSE
            report(f"{str(error).splitlines()[0]}; starting it again in {pause:g} s")
        finally:
            await process.stop()
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
