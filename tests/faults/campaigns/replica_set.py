"""Faults of a replica set: every answer it gives in trouble, at every command a worker sends."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from tests.faults.command_proxy import CommandProxy
from tests.faults.installation import Installation
from tests.faults.replica_set import Command, Fault

ANSWERED = "MongoDB, answered: "
"""How the kind of such a fault begins: `MongoDB, answered: find: 189`."""
_MESSAGES = 60
"""After so many messages without such a command a worker is started anew: some come only then."""
_STARTS, _STARTS_AT_END = 40, 2
"""After so many starts without one it will not come; and nothing new, where nothing is left."""


class Walk:
    """A share of all faults of all commands that come, each once."""

    def __init__(self, faults_of: Callable[[Command], Sequence[Fault]], share: slice) -> None:
        self._faults_of, self._share = faults_of, share
        self._left: dict[str, list[Fault]] = {}

    @property
    def left(self) -> dict[str, int]:
        """How many are left, by kind of command."""
        return {kind: len(faults) for kind, faults in self._left.items() if faults}

    def choose(self, command: Command) -> Fault | None:
        """Return a command's next fault."""
        if command.kind not in self._left:
            faults = list(self._faults_of(command))
            # The same in every campaign, so that their shares are all of it.
            Random(command.kind).shuffle(faults)
            self._left[command.kind] = faults[self._share]
        left = self._left[command.kind]
        return left.pop() if left else None


async def answers(
    field: Installation,
    port: int,
    faults_of: Callable[[Command], Sequence[Fault]],
    share: slice = slice(None),
) -> None:
    """Walk through all faults of all commands that two workers send.

    Raises:
        RuntimeError: A command does not come any more.
    """
    proxy = CommandProxy(port, field.cluster.mongo_port)
    field.mongo_url = proxy.url
    walk = Walk(faults_of, share)
    await proxy.start()
    field.busy()
    starts = 0
    try:
        async with field.supervised(2) as workers:
            while walk.left or starts < _STARTS_AT_END:
                begun = proxy.answer(walk.choose)
                if not await _begins(field, begun):
                    starts += 1
                    if starts > _STARTS:
                        raise RuntimeError(f"no longer sent: {walk.left}")
                    workers[starts % 2].send(signal.SIGTERM)
                    continue
                command, fault = begun.result()
                starts = 0
                since = time.monotonic()
                field.faults[f"{ANSWERED}{command.kind}: {fault[0].label}"] += 1
                _note(field.directory / "answers.jsonl", command, fault)
                await field.recovers(f"MongoDB answers {command.name} as in trouble", since)
    finally:
        await proxy.stop()


def _note(path: Path, command: Command, fault: Fault) -> None:
    """Write down what was answered, beside the workers' log: a violation is to be explained."""
    at = datetime.now(UTC).isoformat()  # noqa: TID251 - a program of its own
    with path.open("a") as out:
        out.write(json.dumps({"at": at, "command": command.kind, "answers": fault}) + "\n")


async def _begins(field: Installation, begun: asyncio.Future[tuple[Command, Fault]]) -> bool:
    """Wait for the fault while some more messages are sent; say whether it came."""
    end = field.load.count + _MESSAGES
    while not begun.done() and field.load.count < end:
        await asyncio.wait([begun], timeout=0.05)
    return begun.done()
