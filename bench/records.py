"""Raw results, as JSON under `.bench/`."""

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / ".bench"


def keep(part: str, results: Sequence[Any], **more: object) -> None:
    """Write one part's results, with what machine it was; the last run's are replaced."""
    DIRECTORY.mkdir(exist_ok=True)
    told = {
        "machine": machine(),
        **more,
        "results": [dataclasses.asdict(one) for one in results],
    }
    (DIRECTORY / f"{part}.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    """Give what it ran on, in a line."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}"
    )
