"""The command line of one installation, as a person would run it."""

import asyncio
import json
from typing import Any

from tests.forks import run
from tests.integration.kit import System, environment


class Commands:
    """Runs commands as processes; a status that is not expected fails the test."""

    def __init__(self, system: System, **more: str) -> None:
        self.system = system
        self.more = more

    async def _run(self, arguments: tuple[str, ...], status: int) -> tuple[str, str]:
        env = {**environment(self.system.settings), **self.more}
        program = ("-m", "order_import", *arguments)
        ended, output, errors = await asyncio.to_thread(run, program, env)
        assert ended == status, errors + output
        return output, errors

    async def text(self, *arguments: str, status: int = 0) -> str:
        """Give what it printed, errors included."""
        return "".join(await self._run(arguments, status))

    async def json(self, *arguments: str, status: int = 0) -> Any:
        """Give what it printed as JSON."""
        output, _ = await self._run((*arguments, "--json"), status)
        return json.loads(output)
