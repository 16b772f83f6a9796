"""The installation: topics and indexes, made where they are missing."""

from dataclasses import dataclass

from order_import.clients import connect_reader, connect_storage
from order_import.lag import broker_errors
from order_import.settings import Settings
from order_import.topic_admin import create_topics


@dataclass(frozen=True, slots=True)
class Installed:
    """What was made now. Empty where all was there."""

    topics: tuple[str, ...]
    indexes: tuple[str, ...]
    """Each as `collection.name`."""


async def install(settings: Settings) -> Installed:
    """Make the topics and indexes that are missing. Harmless to repeat.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refused.
        StorageUnavailable: MongoDB does not answer.
    """
    with broker_errors():
        topics = await create_topics(settings)
    async with connect_storage(settings) as storage, connect_reader(settings) as reader:
        before = set(await reader.indexes())
        await storage.prepare()
        made = set(await reader.indexes()) - before
    return Installed(tuple(topics), tuple(sorted(made)))
