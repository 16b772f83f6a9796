"""The data directory of the embedded servers, with a lock that allows one run at a time."""

import asyncio
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from order_import.cli.context import is_alive
from order_import.devtools.embedded.process import EmbeddedServerError

_LAST_RUN_TIMEOUT = 120.0
_PAUSE = 0.1
_OURS = frozenset(
    [
        "lock",
        "kafka",
        "mongo",
        "addresses.env",
        "worker.log",
        "worker.log.1",
        "console.log",
        "console.log.1",
    ]
)
"""All files that a run creates in its data directory."""


class DataDirectory:
    """A directory that one run owns from `acquire` to `release`.

    The lock belongs to a file descriptor. The supervisors inherit it, so after a `kill -9` the
    directory stays locked until the last server of that run has ended.

    Attributes:
        path: The directory.
        lock: The descriptor to pass to child processes, while locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = -1

    async def acquire(self, report: Callable[[str], None]) -> None:
        """Create and lock the directory; report if the servers of a killed run are still stopping.

        Raises:
            EmbeddedServerError: It is not writable, or another run has locked it.
        """
        lock = -1
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            _make_private(self.path)
            await self._lock(lock, report)
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except BaseException as error:
            if lock >= 0:
                os.close(lock)
            if isinstance(error, OSError):
                raise EmbeddedServerError(
                    f"cannot write the data directory {self.path}: {error.strerror}"
                ) from error
            raise
        self.lock = lock

    def release(self) -> None:
        """Unlock the directory. Harmless to repeat."""
        if self.lock >= 0:
            os.ftruncate(self.lock, 0)
            os.close(self.lock)
            self.lock = -1

    async def _lock(self, lock: int, report: Callable[[str], None]) -> None:
        deadline = asyncio.get_running_loop().time() + _LAST_RUN_TIMEOUT
        is_reported = False
        while not _try_lock(lock):
            holder = os.pread(lock, 32, 0).decode().strip()
            # A lock without a process id is about to change.
            is_held = holder.isdigit() and is_alive(int(holder))
            if is_held or asyncio.get_running_loop().time() > deadline:
                raise EmbeddedServerError(
                    f"the data directory {self.path} is in use by process {holder or 'unknown'}"
                )
            if not is_reported:
                report("waiting for the servers of the last run to stop")
                is_reported = True
            await asyncio.sleep(_PAUSE)


def _make_private(directory: Path) -> None:
    """Remove other users' permissions on the data, which has personal data in it.

    The directory itself is changed only if it has no foreign files: it may belong to a project.
    """
    paths = list(directory.iterdir())
    ours = [path for path in paths if path.name in _OURS]
    for path in [directory, *ours] if len(ours) == len(paths) else ours:
        status = path.lstat()
        is_own = status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode)
        if is_own and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            path.chmod(status.st_mode & stat.S_IRWXU)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
