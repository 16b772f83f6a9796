"""Processes, their CPU time and their memory, as Linux reports them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 60


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process with all its threads; 0 if it has ended."""
    try:
        fields = _stat(pid)
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descendant(of: int, word: str) -> int:
    """Return the deepest descendant of a process whose command line contains a word.

    Raises:
        LookupError: There is none.
    """
    children: dict[int, list[int]] = {}
    for pid in _pids():
        with suppress(FileNotFoundError, ProcessLookupError):
            children.setdefault(int(_stat(pid)[1]), []).append(pid)
    found, generation = None, children.get(of, [])
    while generation:
        found = next((pid for pid in generation if word in _command(pid)), found)
        generation = [child for pid in generation for child in children.get(pid, [])]
    if found is None:
        raise LookupError(f"no process named {word}")
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


@asynccontextmanager
async def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, code: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run some code with this Python; stop it with SIGTERM, or SIGKILL after a minute."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=code,
            env={**environment, "PYTHONPATH": str(code)},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str]:
    # The name may contain blanks: the fields begin after its last parenthesis.
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
