"""The released sets of schemas, `docs/contract/released/v1` and so on: added to, never edited.

`python -m order_import.devtools.contract.released` adds the present set.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from order_import.devtools.contract.compatibility import Schema, find_breaks
from order_import.devtools.contract.document import schema_files
from order_import.devtools.contract.schemas import standalone_schemas

DIRECTORY = Path(__file__).parents[3] / "docs" / "contract" / "released"
SUMS = "SHA256SUMS"
"""The checksums of a set's files, as `sha256sum --check` reads them."""


class NothingToRelease(Exception):  # noqa: N818 - not an error of the program
    """The present set cannot be added; the message says why."""


def released_sets(directory: Path = DIRECTORY) -> dict[str, dict[str, Schema]]:
    """Return every released set, oldest first: its schemas by the names of their messages."""
    folders = sorted(directory.glob("v*"), key=lambda folder: int(folder.name[1:]))
    return {
        folder.name: {
            file.stem: json.loads(file.read_text(encoding="utf-8"))
            for file in sorted(folder.glob("*.json"))
        }
        for folder in folders
    }


def breaks_by_set(
    released: Mapping[str, Mapping[str, Schema]], present: Mapping[str, Schema]
) -> list[str]:
    """Return what breaks any released set, with the name of the set."""
    return [
        f"{name}: {broken}"
        for name, schemas in released.items()
        for broken in find_breaks(schemas, present)
    ]


def release(directory: Path = DIRECTORY) -> Path:
    """Add the present schemas as the next released set; return its folder.

    Raises:
        NothingToRelease: They are those of the last set, or would break a released one.
    """
    released, present = released_sets(directory), standalone_schemas()
    if released and list(released.values())[-1] == present:
        raise NothingToRelease("the schemas are those of the last released set")
    if breaks := breaks_by_set(released, present):
        raise NothingToRelease("\n".join(breaks))
    folder = directory / f"v{len(released) + 1}"
    folder.mkdir(parents=True)
    sums = []
    for name, text in schema_files().items():
        (folder / name).write_text(text, encoding="utf-8")
        sums.append(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n")
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")
    return folder


if __name__ == "__main__":
    try:
        sys.stdout.write(f"wrote {release()}\n")
    except NothingToRelease as refused:
        sys.exit(str(refused))
