"""On a broker: stock Faust goes on behind a message that was never worked on; ours does not."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.topics import TopicName
from tests.integration.kit import System


@pytest.mark.parametrize(
    ("which", "worked_on", "commits"), [("stock", [b"0", b"2"], 3), ("ours", [b"0"], 0)]
)
async def test_what_is_committed_behind_a_message_that_failed(
    system: System, tmp_path: Path, which: str, worked_on: list[bytes], commits: int
) -> None:
    """L1: an exception in the plain iteration; the third message is done, the second never."""
    topic, done = system.settings.topic_prefix + TopicName.ORDERS, tmp_path / "done"
    servers = system.settings.kafka_bootstrap_servers
    for value in (b"0", b"1", b"2"):
        await system.producer.send_and_wait(topic, value, partition=0)
    program = ("-m", "tests.integration.stock_faust", which, servers, topic, str(done))
    worker = await system.start_worker(*program)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()

    async def committed() -> int:
        try:
            offsets = await admin.list_consumer_group_offsets(f"{which}-{topic}")
        except GroupCoordinatorNotAvailableError:
            return 0
        found = offsets.get(TopicPartition(topic, 0))
        return 0 if found is None else int(found.offset)

    async def is_over() -> bool:
        return worker.process.returncode is not None or await committed() == 3

    try:
        await system.eventually(is_over, "the program has ended, or committed all")
        assert (done.read_bytes().split(), await committed()) == (worked_on, commits)
    finally:
        await admin.close()
