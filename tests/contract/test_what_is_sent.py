"""What the driver is told to ask for: reads see what a majority has, writes wait for it."""

from typing import Any

import pytest
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from models.messages import TopicPartition
from storage.mongo.driver import Driver
from storage.port import Transaction
from tests.keys import KEYS
from tests.storages import open_storage

SOURCE = TopicPartition("amazon.orders", 0)


class Listener(CommandListener):
    """Keeps every command with its name."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append((event.command_name, dict(event.command)))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing."""

    def of(self, name: str, collection: str) -> list[dict[str, Any]]:
        return [
            told for command, told in self.sent if (command, told.get(name)) == (name, collection)
        ]


@pytest.mark.parametrize("driver", Driver)
async def test_whether_a_commit_took_place_is_asked_of_a_majority(
    driver: Driver, mongo_url: str, database_name: str
) -> None:
    listener = Listener()

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.stores()

    async with open_storage(
        mongo_url, database_name, driver, event_listeners=[listener], keys=KEYS
    ) as storage:
        await storage.prepare()
        await storage.claim([SOURCE])
        await storage.checkpoint(SOURCE)
        await storage.transact(work, SOURCE)
        await storage.snapshot(lambda view: view.stores())
    reads = listener.of("find", "checkpoints")
    assert reads
    assert all(read["readConcern"] == {"level": "majority"} for read in reads)
    # A transaction, and a view of one moment, read a snapshot.
    of_a_transaction, of_a_view = listener.of("find", "stores")
    assert "readConcern" not in of_a_transaction
    assert of_a_view["readConcern"]["level"] == "snapshot"
    (first,) = listener.of("findAndModify", "locks")
    assert first["readConcern"]["level"] == "snapshot"
    (moved,) = listener.of("update", "checkpoints")
    assert moved["writeConcern"] == {"w": "majority", "j": True}
    (commit,) = [told for name, told in listener.sent if name == "commitTransaction"]
    assert commit["writeConcern"]["w"] == "majority"
