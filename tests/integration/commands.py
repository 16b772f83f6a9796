"""The command line of one installation, as a person would run it."""

import json
from typing import Any

from tests.forks import Command
from tests.integration.kit import System, environment


class Commands:
    """Runs commands as processes; a status that is not expected fails the test."""

    def __init__(self, system: System, **more: str) -> None:
        self.system = system
        self.more = more

    def start(self, *arguments: str, told: bytes = b"") -> Command:
        """Start one and go on at once; `told` is its standard input."""
        env = {**environment(self.system.settings), **self.more}
        return Command(("-m", "order_import", *arguments), env, told)

    async def text(self, *arguments: str, status: int = 0, told: bytes = b"") -> str:
        """Give what it printed, errors included."""
        return "".join(await self.start(*arguments, told=told).ended(status))

    async def json(self, *arguments: str, status: int = 0) -> Any:
        """Give what it printed as JSON."""
        output, _ = await self.start(*arguments, "--json").ended(status)
        return json.loads(output)
