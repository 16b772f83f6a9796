"""Raw results, as JSON under `.bench/`: a run that was broken off goes on from them."""

import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streams.clock import now

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / ".bench"
_ROOMS = ("models", "handlers", "storage", "streams", "order_import", "bench")

Record = Mapping[str, Any]


def _code() -> str:
    """Give a digest of all code that takes part."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_CODE = _code()
"""Of when this process began: what is edited meanwhile is another code."""


def keep_elsewhere(name: str) -> None:
    """Keep the results of this process in a directory of their own, beside those of real runs."""
    global DIRECTORY  # noqa: PLW0603 - one process is one run
    DIRECTORY = DIRECTORY / name


def keep(part: str, results: Sequence[Any], *, whole: bool = True, **more: object) -> None:
    """Write one part's results, with what machine and what code it was; the last are replaced."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": machine(),
        "code": _CODE,
        "at": now().isoformat(timespec="seconds"),
        "whole": whole,
        **more,
        "results": [dataclasses.asdict(one) for one in results],
    }
    path = DIRECTORY / f"{part}.json"
    path.with_suffix(".new").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".new").replace(path)


def load(part: str) -> Record | None:
    """Give what was kept of a part."""
    path = DIRECTORY / f"{part}.json"
    found: Record | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def fitting(part: str, since: datetime, asked: Mapping[str, object]) -> Record | None:
    """Give what was kept of a part if it is of this code, was asked for the same, and is new."""
    found = load(part)
    if found is None or found["code"] != _CODE or found.get("asked") != dict(asked):
        return None
    return found if datetime.fromisoformat(found["at"]) >= since else None


def begun(*, anew: bool) -> datetime:
    """Give when the run began that is still to be finished; begin one if there is none."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    path = DIRECTORY / "run.json"
    if not anew and path.exists():
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["code"] == _CODE:
            return datetime.fromisoformat(told["begun"])
    at = now().astimezone(UTC).replace(microsecond=0)
    told = {"begun": at.isoformat(), "code": _CODE}
    path.write_text(json.dumps(told) + "\n", encoding="utf-8")
    return at


def finished() -> None:
    """Note that the run is whole: the next one begins anew."""
    (DIRECTORY / "run.json").unlink(missing_ok=True)


def machine() -> str:
    """Give what it ran on, in a line."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}"
    )
