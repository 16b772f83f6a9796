"""What the browser tests need of this machine: `python -m tests.browser.needs [axe]`."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

_AXE = "4.14.1"
_CACHE = Path(__file__).parents[2] / ".cache" / f"axe-core-{_AXE}"
_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
_NAMES = ("chromium", "chromium-browser", "google-chrome")


class NeedMissingError(Exception):
    """Something is not there; the message is one line that says what to do."""


def chromium() -> str:
    """Give the browser's program."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise NeedMissingError("chromium is not installed. On Debian: apt install chromium")
    return found


def axe_source() -> str:
    """Give the accessibility checker's source, fetched once by npm."""
    source = _CACHE / "package" / "axe.min.js"
    if not source.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise NeedMissingError("npm, which fetches axe-core, is missing: apt install npm")
        _CACHE.mkdir(parents=True, exist_ok=True)
        for command in (
            [npm, "pack", f"axe-core@{_AXE}", "--silent"],
            ["tar", "xzf", f"axe-core-{_AXE}.tgz"],
        ):
            done = subprocess.run(command, cwd=_CACHE, capture_output=True, check=False)
            if done.returncode:
                raise NeedMissingError(f"axe-core {_AXE} could not be fetched by npm")
    found = source.read_bytes()
    if hashlib.sha256(found).hexdigest() != _SHA256:
        raise NeedMissingError(f"{source} is not the file that is pinned; remove it")
    return found.decode()


if __name__ == "__main__":
    try:
        chromium()
        if "axe" in sys.argv[1:]:
            axe_source()
    except NeedMissingError as error:
        sys.exit(str(error))
