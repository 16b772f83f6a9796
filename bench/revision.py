"""This program at an earlier git revision: its code, and the installation that code prepares."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from bench.report import DIRECTORY, ROOT

_PREPARE = """
import asyncio
from bench.installation import tell_facts
from bench.workload import products, stores
from order_import.clients import connect_storage
from order_import.settings import Settings
from order_import.topic_admin import create_topics

async def main():
    settings = Settings()
    await create_topics(settings)
    async with connect_storage(settings) as storage:
        await storage.prepare()
    await tell_facts(settings, stores(), products())

asyncio.run(main())
"""
"""Run by the revision's own code, whose topics, indexes and documents may differ."""


def check_out(revision: str | None) -> Path:
    """Return a directory with a revision's code; for None, the present one."""
    if revision is None:
        return ROOT
    directory = DIRECTORY / revision
    if not directory.exists():
        archive = subprocess.run(
            ["git", "-C", ROOT, "archive", "--format=tar", revision],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        partial = directory.with_suffix(".partial")
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(partial, filter="data")
        partial.rename(directory)
    return directory


def prepare(revision: str, environment: Mapping[str, str]) -> None:
    """Create a revision's topics and indexes, and store the workload's reference data."""
    subprocess.run(
        [sys.executable, "-c", _PREPARE],
        cwd=check_out(revision),
        env={**environment, "PYTHONPATH": str(check_out(revision))},
        check=True,
    )
