"""Real servers, started once; an installation of its own for each test."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from order_import.embedded.servers import Addresses, EmbeddedServers
from tests.integration.kit import System, open_system


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def addresses(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Addresses]:
    servers = EmbeddedServers(tmp_path_factory.mktemp("servers"))
    yield await servers.start()
    await servers.stop()


@pytest.fixture
async def system(
    addresses: Addresses, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[System]:
    name = re.sub(r"\W+", "_", request.node.name)[-40:].strip("_")
    async with open_system(addresses, tmp_path, name) as opened:
        yield opened
