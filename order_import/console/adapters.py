"""What the console's pages ask of the program: facts told, dead letters, and health."""

import json
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient
from typing_extensions import override

from models import dead_letters, keys
from models.commands import COMMAND, Sync
from models.dead_letters import DeadLetterFilter
from models.messages import DeadLetterCode
from models.reference_data import Listing, Product, Store
from models.topics import TopicName
from order_import.bootstrap import group_of, kafka_options
from order_import.console.dead_letter_port import (
    DeadLetterLine,
    DeadLetters,
    DeadLetterView,
    Redriven,
)
from order_import.console.health_port import HealthCheck, HealthReport, ServerHealth, TopicLag
from order_import.console.ports import Publisher
from order_import.operations import health
from order_import.operations.dead_letters import view_of
from order_import.operations.publish import Message, send_messages
from order_import.operations.redrive import plan_for_ids, redrive
from order_import.settings import Settings
from storage.mongo.dead_letters import MongoDeadLetters
from streams.clock import now

_PREVIEW = 20_000


class KafkaPublisher(Publisher):
    """Tells facts on their topics."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @override
    async def tell_store(self, store: Store) -> None:
        value = store.model_dump_json(exclude_none=True).encode()
        await self._send(Message(TopicName.STORES, store.store_id, value))

    @override
    async def tell_listing(self, listing: Listing) -> None:
        key = keys.listing_key(listing.store_id, listing.seller_sku)
        value = listing.model_dump_json(exclude_none=True).encode()
        await self._send(Message(TopicName.LISTINGS, key, value))

    @override
    async def tell_product(self, product: Product) -> None:
        value = product.model_dump_json(exclude_none=True).encode()
        await self._send(Message(TopicName.PRODUCTS, product.sku, value))

    @override
    async def sync(self, store_id: str | None) -> None:
        command = Sync(store_id=store_id, requested_at=now())
        value = COMMAND.dump_json(command)
        await self._send(Message(TopicName.COMMANDS, store_id or "sync", value))

    async def _send(self, message: Message) -> None:
        await send_messages(self._settings, [message])


class KafkaDeadLetters(DeadLetters):
    """Dead letters from the database, redriven over Kafka."""

    def __init__(self, settings: Settings, dead_letters: MongoDeadLetters) -> None:
        self._settings = settings
        self._dead_letters = dead_letters

    @override
    async def counts(self, *, only_open: bool) -> Mapping[str, int]:
        counted = await self._dead_letters.counts(only_open=only_open)
        return {code.value: count for code, count in counted.items()}

    @override
    async def find(
        self, code: str | None, *, only_open: bool, limit: int
    ) -> Sequence[DeadLetterLine]:
        wanted = DeadLetterFilter(
            code=None if code is None else DeadLetterCode(code), is_open=only_open, limit=limit
        )
        return [_line(line) for line in await self._dead_letters.find(wanted)]

    @override
    async def view(self, dead_letter_id: str) -> DeadLetterView | None:
        lines = await self._dead_letters.lines([dead_letter_id])
        found = await self._dead_letters.dead_letters([dead_letter_id])
        if dead_letter_id not in found or dead_letter_id not in lines:
            return None
        view = view_of(found[dead_letter_id])
        value = view.value
        if view.is_json:
            value = json.dumps(value, indent=2, ensure_ascii=False)
        text = None if value is None else str(value)
        return DeadLetterView(
            line=_line(lines[dead_letter_id]),
            partition=view.partition,
            offset=view.offset,
            key=view.key,
            headers=view.headers,
            value=None if text is None else text[:_PREVIEW],
            is_cut=view.is_cut or (text is not None and len(text) > _PREVIEW),
            redriven=[(one.at, one.to) for one in view.redriven],
        )

    @override
    async def redrive(self, ids: Sequence[str]) -> Redriven:
        plan = await plan_for_ids(self._dead_letters, self._settings, ids)
        done = await redrive(plan, self._dead_letters, self._settings)
        return Redriven(len(done.sent), {**plan.refused, **done.refused})


class ServerHealthCheck(HealthCheck):
    """Asks Kafka and MongoDB as `status` does, and who is in the consumer group."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @override
    async def run(self) -> HealthReport:
        found = await health.check_health(self._settings, counts_orders=False)
        return HealthReport(
            kafka=_server(found.kafka),
            mongo=_server(found.mongo),
            lag=[
                TopicLag(one.topic, one.exists, one.undecided, one.unpublished, one.oldest)
                for one in found.lag
            ],
            rate=found.rate,
            workers=await self._workers() if found.kafka.answers else None,
            resets=found.resets,
            exposed_files=[(one.setting, str(one.path)) for one in found.exposed_files],
        )

    async def _workers(self) -> Sequence[str] | None:
        group = group_of(self._settings)
        admin = AIOKafkaAdminClient(
            **kafka_options(self._settings), client_id="order-import-console"
        )
        try:
            await admin.start()
            answers = await admin.describe_consumer_groups([group])
        except Exception:  # noqa: BLE001 - whatever the client fails with, nobody could say
            return None
        finally:
            await admin.close()
        members = [member for answer in answers for one in answer.groups for member in one[5]]
        return [str(member[1]) for member in members]


def _server(found: health.ServerHealth) -> ServerHealth:
    return ServerHealth(found.name, found.address, found.latency_ms, found.error)


def _line(line: dead_letters.DeadLetterLine) -> DeadLetterLine:
    return DeadLetterLine(
        dead_letter_id=line.dead_letter_id,
        code=line.code.value,
        topic=line.topic,
        at=line.at,
        size=line.size,
        message=line.message,
        redriven=len(line.redriven),
    )
