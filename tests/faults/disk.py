"""A small disk that can be filled: a file system in memory, which only root can mount."""

import subprocess
from pathlib import Path
from typing import Self

SIZE = "1500m"


class SmallDisk:
    """Mounted while it is open, if that can be done here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.there = False

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.path)],
            capture_output=True,
            check=False,
        )
        self.there = mounted.returncode == 0
        return self

    def __exit__(self, *_: object) -> None:
        if self.there:
            subprocess.run(["umount", "--lazy", str(self.path)], check=False)
