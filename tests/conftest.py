"""What all tests have in common: the same examples in every run, and the servers."""

import os
import sys
from contextlib import ExitStack
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from models import keys
from tests.servers import CORES, ask_for, shared_servers

# No deadline: the machine may be busy.
settings.register_profile("project", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("project")
# Brokers live for seconds here: the compiler that makes fast code late costs more than it saves.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

_LONGEST = "test_selection.py"
"""A kind of its own, so that it is among the first."""
_ENDING = pytest.StashKey[ExitStack]()
_SERVERS = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    told: dict[str, Any] | None = getattr(config, "workerinput", None)
    ending = config.stash[_ENDING] = ExitStack()
    # A worker of pytest-xdist asks the process above it.
    config.stash[_SERVERS] = (
        ending.enter_context(shared_servers()) if told is None else Path(told["servers"])
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_ENDING].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["servers"] = str(node.config.stash[_SERVERS])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give more than there are cores: many tests wait for a broker or a worker to start."""
    return 2 * CORES + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's tests together where they share what it has made, or take no time."""
    scheduling = LoadScopeScheduling(config, log)

    def split(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _is_one(config.rootpath / file) else nodeid

    scheduling._split_scope = split
    return scheduling


@cache
def _is_one(file: Path) -> bool:
    return "unit" in file.parts or 'scope="module"' in file.read_text()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mix the kinds of tests, file by file: some need a core, and some wait for servers."""
    kinds: dict[str, list[list[pytest.Item]]] = {}
    for file, tests in groupby(items, key=lambda item: item.path):
        kind = file.relative_to(config.rootpath).parts[1]
        kinds.setdefault(file.name if file.name == _LONGEST else kind, []).append([*tests])
    # What waits long does not come last: unit tests, which are short, fill up the end.
    mixed = [
        (number / len(files) * (1 if kind == "unit" else 0.8), tests)
        for kind, files in kinds.items()
        for number, tests in enumerate(files)
    ]
    items[:] = [item for _, tests in sorted(mixed, key=lambda one: one[0]) for item in tests]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell a failure at once: a run that is stopped gives no report."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.stderr.write(f"\nFAILED {report.nodeid}\n{report.longreprtext[-2000:]}\n")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Path:
    """Where to ask for the servers that all tests share."""
    return request.config.stash[_SERVERS]


@pytest.fixture(scope="session")
def mongo_url(servers: Path) -> str:
    """A MongoDB for all tests; each has a database of its own there."""
    return ask_for(servers, "mongo")[0]


@pytest.fixture
def database_name(request: pytest.FixtureRequest) -> str:
    """The name of a database that no other test has."""
    return f"t{uuid5(keys._NAMESPACE, request.node.nodeid).hex}"
