"""The Faust app: one agent per input topic, each dispatching whole batches to its processor."""

from collections.abc import Mapping
from typing import Any, cast

import faust
from faust.streams import Stream
from faust.types import StreamT
from yarl import URL

from handlers.blocker_check import BlockerCheckHandler
from handlers.handler import Handler
from handlers.import_policy import ImportPolicyHandler
from handlers.order_updates import OrderUpdatesHandler
from handlers.reference_data import (
    ListingsHandler,
    ProductsHandler,
    StockHandler,
    StoresHandler,
)
from models.messages import TopicPartition
from models.topics import TopicName
from streams.assignment import PartitionAssignment
from streams.transport import LedgerTables, LedgerTransport

AGENTS: Mapping[str, tuple[TopicName, Handler[Any]]] = {
    "import_policy": (TopicName.ORDERS, ImportPolicyHandler()),
    "blocker_check": (TopicName.COMMANDS, BlockerCheckHandler()),
    "stores": (TopicName.STORES, StoresHandler()),
    "products": (TopicName.PRODUCTS, ProductsHandler()),
    "stock": (TopicName.STOCK, StockHandler()),
    "listings": (TopicName.LISTINGS, ListingsHandler()),
    "order_updates": (TopicName.ORDER_UPDATES, OrderUpdatesHandler()),
}
"""The topic and the handler of each agent. The import policy passes the orders it admits to the
blocker check in the same unit of work; the agent `blocker_check` rechecks the orders that commands
name."""
HANDLERS = dict(AGENTS.values())
"""The handler of each topic."""


def build_app(
    partition_assignment: PartitionAssignment,
    data_dir: str,
    bootstrap_servers: str,
    topic_prefix: str,
    group: str,
    batch_size: int,
    session_timeout: float,
    credentials: Any = None,
) -> faust.App:
    """Build the Faust app. Nothing is connected yet."""
    urls = [URL(f"kafka://{server.strip()}") for server in bootstrap_servers.split(",")]
    app = faust.App(
        group,
        broker=urls,
        broker_credentials=credentials,
        store="memory://",
        datadir=data_dir,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=session_timeout,
        broker_heartbeat_interval=session_timeout / 4,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=30.0,
        broker_max_poll_interval=1000.0,
        broker_max_poll_records=batch_size,
        broker_commit_interval=1.0,
        broker_check_crcs=True,
        # An event is a batch: a few are enough, and more would only cost memory.
        stream_buffer_maxsize=4,
        stream_wait_empty=True,
        agent_supervisor="mode.CrashingSupervisor",
        table_standby_replicas=0,
        TableManager=LedgerTables,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
    )
    app.transport = LedgerTransport(urls, app, partition_assignment=partition_assignment)
    for name, (topic, _) in AGENTS.items():
        _add_agent(app, topic_prefix + topic, name, partition_assignment)
    return app


def _add_agent(
    app: faust.App, topic: str, name: str, partition_assignment: PartitionAssignment
) -> None:
    async def agent(stream: StreamT[Any]) -> None:
        # Without acks: MongoDB's checkpoints say what is done, so Faust need not track it.
        async for event in cast(Stream[Any], stream).noack().events():
            message = event.message
            partition_assignment.dispatch(
                TopicPartition(message.topic, message.partition), event.value
            )

    channel = app.topic(topic, key_serializer="raw", value_serializer="raw", acks=False)
    app.agent(channel, name=name, concurrency=1)(agent)
