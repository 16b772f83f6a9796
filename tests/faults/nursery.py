"""Workers as processes of a zygote: started, signaled, awaited."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


@dataclass
class Worker:
    """A worker process; `ended` is its exit status, a signal as its negative."""

    pid: int
    ended: asyncio.Future[int]

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end."""
        self.send(number)
        return await asyncio.wait_for(asyncio.shield(self.ended), PATIENCE)


class Nursery:
    """The zygote, and its workers by process id."""

    def __init__(self) -> None:
        self._workers: dict[int, Worker] = {}
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._asking = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._early: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.faults.zygote"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.send(signal.SIGKILL)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def start(self, log: Path, env: dict[str, str]) -> Worker:
        """Fork a worker."""
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the nursery is not open")
        async with self._asking:
            line = json.dumps({"log": str(log), "env": env})
            self._process.stdin.write(line.encode() + b"\n")
            pid = await self._born.get()
        worker = Worker(pid, asyncio.get_running_loop().create_future())
        self._workers[pid] = worker
        if pid in self._early:
            worker.ended.set_result(self._early.pop(pid))
        return worker

    async def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        async for line in self._process.stdout:
            told = json.loads(line)
            if "pid" in told:
                self._born.put_nowait(told["pid"])
            elif told["ended"] in self._workers:
                self._workers.pop(told["ended"]).ended.set_result(told["status"])
            else:
                self._early[told["ended"]] = told["status"]
