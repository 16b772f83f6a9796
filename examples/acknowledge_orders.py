"""Acknowledge every new Commerce order, as soon as it is in your shop. Ctrl-C stops it."""

import asyncio
import os
from datetime import UTC, datetime

from order_import_client import CommerceOrderCreated, CommerceStatus, Event, OrderUpdate
from order_import_client.kafka import Producer, consume

servers = os.environ["ORDER_IMPORT_KAFKA_BOOTSTRAP_SERVERS"]
prefix = os.environ.get("ORDER_IMPORT_TOPIC_PREFIX", "")


async def main() -> None:
    async with Producer(servers, prefix=prefix) as producer:

        async def acknowledge(event: Event) -> None:
            if isinstance(event, CommerceOrderCreated):
                update = OrderUpdate(
                    commerce_order_id=event.commerce_order_id,
                    status=CommerceStatus.PROCESSING,
                    at=datetime.now(UTC),
                )
                await producer.send(update.message())

        group = f"{prefix}acknowledgements"
        await consume(acknowledge, bootstrap_servers=servers, group_id=group, prefix=prefix)


asyncio.run(main())
