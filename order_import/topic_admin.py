"""Topics: created once, and there before a worker subscribes."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from order_import.clients import kafka_options
from order_import.settings import Settings
from streams.topics import TOPICS


async def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; give their names. Harmless to repeat.

    Raises:
        KafkaError: The broker refused.
    """
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-init")
    await admin.start()
    try:
        there = set(await admin.list_topics())
        wanted = [
            NewTopic(
                name=settings.topic_prefix + topic.name,
                num_partitions=topic.partitions or settings.topic_partitions,
                replication_factor=settings.topic_replication_factor,
                topic_configs=topic.config,
            )
            for topic in TOPICS
            if settings.topic_prefix + topic.name not in there
        ]
        created: list[str] = []
        if wanted:
            answer = await admin.create_topics(wanted)
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"topic {name}")
                created.append(name)
        return created
    finally:
        await admin.close()


async def missing_topics(settings: Settings) -> list[str]:
    """Give the topics that are not there yet: an agent would never read one made later."""
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-check")
    await admin.start()
    try:
        there = set(await admin.list_topics())
    finally:
        await admin.close()
    return [
        settings.topic_prefix + topic.name
        for topic in TOPICS
        if settings.topic_prefix + topic.name not in there
    ]
