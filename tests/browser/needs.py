"""What the browser tests need of this machine: `python -m tests.browser.needs [axe]`."""

import shutil
import sys

from tests.npm import NeedMissingError, fetch

_AXE = "4.14.1"
_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Give the browser's program."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise NeedMissingError("chromium is not installed. On Debian: apt install chromium")
    return found


def axe_source() -> str:
    """Give the accessibility checker's source, fetched once by npm."""
    return fetch("axe-core", _AXE, "axe.min.js", _SHA256).read_text(encoding="utf-8")


if __name__ == "__main__":
    try:
        chromium()
        if "axe" in sys.argv[1:]:
            axe_source()
    except NeedMissingError as error:
        sys.exit(str(error))
