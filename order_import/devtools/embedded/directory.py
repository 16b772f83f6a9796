"""The data directory, and the lock that keeps it to one run at a time."""

import asyncio
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from order_import.devtools.embedded.process import EmbeddedServerError

_LAST_RUN_STOPS_WITHIN = 120.0
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
"""All that a run makes in its data directory."""


class DataDirectory:
    """A directory that one run owns from `acquire` to `release`.

    The lock lives in a file descriptor. The supervisors inherit it, so after a `kill -9` the
    directory stays locked until the last server of that run is gone.

    Attributes:
        path: The directory.
        lock: The descriptor to hand to child processes, while held.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = -1

    async def acquire(self, report: Callable[[str], None]) -> None:
        """Makes the directory and takes it.

        Args:
            report: Told when the servers of a run that was killed are still stopping.

        Raises:
            EmbeddedServerError: It cannot be written, or another run has it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            _make_private(self.path)
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot write the data directory {self.path}: {error.strerror}"
            ) from error
        try:
            await self._take(lock, report)
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(lock)
            raise EmbeddedServerError(
                f"cannot write the data directory {self.path}: {error.strerror}"
            ) from error
        except BaseException:
            os.close(lock)
            raise
        self.lock = lock

    def release(self) -> None:
        """Gives the directory back; harmless to repeat."""
        if self.lock >= 0:
            os.ftruncate(self.lock, 0)
            os.close(self.lock)
            self.lock = -1

    async def _take(self, lock: int, report: Callable[[str], None]) -> None:
        deadline = asyncio.get_running_loop().time() + _LAST_RUN_STOPS_WITHIN
        told = False
        while not _try_lock(lock):
            holder = os.pread(lock, 32, 0).decode().strip()
            if _alive(holder) or asyncio.get_running_loop().time() > deadline:
                raise EmbeddedServerError(
                    f"the data directory {self.path} is in use by process {holder or 'unknown'}"
                )
            if not told:
                report("waiting for the servers of the last run to stop")
                told = True
            await asyncio.sleep(_PAUSE)


def _make_private(directory: Path) -> None:
    """Take from others what rights they have on our data: buyers are in it.

    The directory itself only if nothing of somebody else's is in it: it may be one of a project.
    """
    there = list(directory.iterdir())
    ours = [one for one in there if one.name in _OURS]
    for path in [directory, *ours] if len(ours) == len(there) else ours:
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


def _alive(holder: str) -> bool:
    """Says whether that process runs; an unsigned lock is about to be signed or given back."""
    if not holder.isdigit():
        return False
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
