"""One file of a package of npm, fetched once into .cache and pinned by its hash."""

import hashlib
import shutil
import subprocess
from pathlib import Path

_CACHE = Path(__file__).parents[1] / ".cache"


class NeedMissingError(Exception):
    """Something is not there; the message is one line that says what to do."""


def fetch(package: str, version: str, file: str, sha256: str) -> Path:
    """Return the path of a file of a package.

    Raises:
        NeedMissingError: npm is missing or does not get it, or it is another file.
    """
    plain = package.removeprefix("@").replace("/", "-")
    directory = _CACHE / f"{plain}-{version}"
    path = directory / "package" / file
    if not path.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise NeedMissingError(f"npm, which fetches {package}, is missing: apt install npm")
        directory.mkdir(parents=True, exist_ok=True)
        for command in (
            [npm, "pack", f"{package}@{version}", "--silent"],
            ["tar", "xzf", f"{plain}-{version}.tgz"],
        ):
            done = subprocess.run(command, cwd=directory, capture_output=True, check=False)
            if done.returncode:
                raise NeedMissingError(f"{package} {version} could not be fetched by npm")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise NeedMissingError(f"{path} is not the file that is pinned; remove it")
    return path
