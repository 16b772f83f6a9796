"""Real servers, shared by all tests; an installation of its own for each test."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from models.topics import TopicName
from order_import.devtools.embedded.servers import Addresses
from tests.faults.wire.producer import WireProducer
from tests.integration.kit import System, open_system
from tests.integration.wire import product, store
from tests.servers import ask_for


@pytest.fixture(scope="session")
def addresses(servers: Path) -> Addresses:
    kafka, mongo = ask_for(servers, "kafka", "mongo")
    return Addresses(kafka, mongo)


@pytest.fixture
async def system(
    addresses: Addresses, tmp_path: Path, request: pytest.FixtureRequest, database_name: str
) -> AsyncIterator[System]:
    # Readable, and no other test's: two files may have tests of one name.
    name = re.sub(r"\W+", "_", request.node.name)[-30:].strip("_") + f"_{database_name[1:9]}"
    async with open_system(addresses, tmp_path, name) as opened:
        yield opened


@pytest.fixture
async def wire(system: System) -> AsyncIterator[WireProducer]:
    """A producer of batches as they are; the store and the product of all orders are there."""
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    async with WireProducer(system.settings.kafka_bootstrap_servers) as producer:
        yield producer


@pytest.fixture
async def admin(system: System) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=system.settings.kafka_bootstrap_servers)
    await client.start()
    yield client
    await client.close()
