"""The command line of one installation, as a person would run it."""

import asyncio
import json
import subprocess
import sys
from typing import Any

from tests.integration.kit import ROOT, System, environment


class Commands:
    """Runs commands as processes; a status that is not expected fails the test."""

    def __init__(self, system: System, **more: str) -> None:
        self.system = system
        self.more = more

    def _run(self, arguments: tuple[str, ...], status: int) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "order_import", *arguments],
            env={**environment(self.system.settings), **self.more},
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert done.returncode == status, done.stderr.decode() + done.stdout.decode()
        return done

    async def text(self, *arguments: str, status: int = 0) -> str:
        """Give what it printed, errors included."""
        done = await asyncio.to_thread(self._run, arguments, status)
        return (done.stdout + done.stderr).decode()

    async def json(self, *arguments: str, status: int = 0) -> Any:
        """Give what it printed as JSON."""
        done = await asyncio.to_thread(self._run, (*arguments, "--json"), status)
        return json.loads(done.stdout)
