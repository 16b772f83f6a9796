"""Every kind of fault of `make faults`, and the alert it raises, or why it needs none."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from typing_extensions import override

from tests.faults.alerts.prometheus import EVERY
from tests.faults.alerts.watched import Watched
from tests.faults.campaigns import brokers, network, processes, replica_set, servers, topics
from tests.faults.campaigns.servers import fill
from tests.faults.campaigns.table import Servers
from tests.faults.cluster import Cluster
from tests.faults.command_proxy import CommandProxy
from tests.faults.nursery import ROOT, Worker
from tests.faults.proxy import HOST, Proxy
from tests.faults.replica_set import Answer, Command, Fault, When

LIMIT = 60.0
"""Within so many seconds of the fault its alert fires."""
FIRST_PORT = 27_800
"""Below those that any client may get for a moment; so are those that follow it."""
_MONGO_PORTS = [FIRST_PORT + n for n in range(4)]
DISK = ROOT / ".data/faults/alerts/disk"
Act = Callable[[Watched], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """A fault, and the alert it raises.

    `make` is a campaign of `make faults` with one fault, after which all is well again, or
    something that lasts until it is canceled, and says when it was `made`. Without an `alert` none
    is needed; `why` says why, or what the alert is about.
    """

    name: str
    make: Act
    alert: str | None
    why: str
    servers: Servers = Servers.SHARED


@asynccontextmanager
async def _two_workers(field: Watched) -> AsyncIterator[list[Worker]]:
    field.busy()
    async with field.supervised(2) as workers:
        await field.seen(2)
        yield workers


async def _lasts(field: Watched) -> None:
    field.made = time.monotonic()
    await asyncio.Event().wait()


async def _workers_hang(field: Watched, count: int) -> None:
    async with _two_workers(field) as workers:
        for worker in workers[:count]:
            worker.send(signal.SIGSTOP)
        await _lasts(field)


async def _workers_gone(field: Watched) -> None:
    async with _two_workers(field):
        pass
    await _lasts(field)


async def _crash_loop(field: Watched) -> None:
    async with _two_workers(field) as workers:
        field.made = time.monotonic()
        while True:
            await workers[0].end(signal.SIGKILL)
            await asyncio.sleep(2 * EVERY)  # Prometheus has to see every start


async def _down(field: Watched, end: Callable[[Cluster], Awaitable[None]]) -> None:
    async with _two_workers(field):
        await end(field.cluster)
        await _lasts(field)


async def _disk_full(field: Watched) -> None:
    filler = DISK / "filler"
    async with _two_workers(field):
        try:
            fill(filler, shutil.disk_usage(DISK).free)
            await _lasts(field)
        finally:
            filler.unlink()


async def _kafka_trouble(field: Watched, trouble: Callable[[Proxy], None]) -> None:
    port, behind = field.cluster.listeners[1]
    field.bootstrap = f"{HOST}:{port}"
    await _trouble(field, Proxy(port, behind), trouble)


async def _mongo_trouble(field: Watched, port: int, trouble: Callable[[Proxy], None]) -> None:
    field.mongo_url = f"mongodb://{HOST}:{port}/?directConnection=true"
    await _trouble(field, Proxy(port, field.cluster.mongo_port), trouble)


async def _trouble(field: Watched, proxy: Proxy, trouble: Callable[[Proxy], None]) -> None:
    await proxy.start()
    try:
        async with _two_workers(field):
            trouble(proxy)
            await _lasts(field)
    finally:
        await proxy.stop()


class _NoCommits(CommandProxy):
    """Answers every commit as a member that is no longer the primary."""

    is_in_trouble = False

    @override
    def _answer_to(self, command: Command | None) -> Answer | None:
        commits = command is not None and command.name == "commitTransaction"
        return Answer(When.BEFORE, 189) if commits and self.is_in_trouble else None


async def _no_commits(field: Watched, port: int) -> None:
    proxy = _NoCommits(port, field.cluster.mongo_port)
    field.mongo_url = proxy.url
    await proxy.start()
    try:
        async with _two_workers(field):
            proxy.is_in_trouble = True
            await _lasts(field)
    finally:
        await proxy.stop()


async def _topic_made_anew(field: Watched) -> None:
    # The campaign of that name also stops and starts workers, several times.
    async with _two_workers(field):
        await field.quiet()
        await field.wait_for_backlog(dict(field.load.reached))
        await topics.make_anew(field)
        field.busy()
        await _lasts(field)


async def _dead_letters(field: Watched) -> None:
    async with _two_workers(field):
        await _lasts(field)  # one message in twenty of the load cannot be read


def _one_answer(command: Command) -> Sequence[Fault]:
    is_one = command.name in {"commitTransaction", "find", "update"}
    return [(Answer(When.AFTER, 189),)] if is_one else []


_SHARED, _OWN, _REPLICATED = Servers.SHARED, Servers.OWN, Servers.REPLICATED
_UNAVAILABLE, _NO_WORKER = "OrderImportServerUnavailable", "OrderImportNoWorker"
_STARTED_AGAIN = "the next worker goes on; its supervisor starts it at once"
_TAKEN_OVER = "the other worker takes over when its session ends"
_GO_ON = "the workers go on by themselves"
_NO_ANSWER = "it answers no worker and no console"
_ONE_WAY = "the console reaches it, but no worker does"

CASES = (
    Case(
        "A worker is killed at a step",
        partial(processes.stepped_kills, steps=["in the transaction, written"], each=1),
        None,
        _STARTED_AGAIN,
    ),
    Case(
        "A worker is killed at any time",
        partial(processes.random_kills, count=1),
        None,
        _STARTED_AGAIN,
    ),
    Case(
        "A worker is told to stop, as in an upgrade",
        partial(processes.terminations, count=1),
        None,
        _STARTED_AGAIN,
    ),
    Case(
        "A worker stands still past its session, and goes on as a zombie",
        partial(processes.zombies, steps=[], count=1),
        None,
        _TAKEN_OVER,
    ),
    Case("Workers come and go", partial(processes.storms, rounds=1), None, _TAKEN_OVER),
    Case(
        "The clock jumps by up to a day",
        partial(processes.clock_jumps, seconds=10),
        None,
        "no decision depends on it",
    ),
    Case("One of two workers hangs", partial(_workers_hang, count=1), None, _TAKEN_OVER),
    Case("All workers hang", partial(_workers_hang, count=2), _NO_WORKER, "nobody imports"),
    Case("All workers are gone", _workers_gone, _NO_WORKER, "nobody imports"),
    Case(
        "A worker is killed again and again",
        _crash_loop,
        "OrderImportRestarting",
        "the other one works, but it will not end by itself",
    ),
    Case(
        "Kafka: cut, delayed, swallowed for a moment",
        partial(network.kafka_faults, each=1, listener=0),
        None,
        _GO_ON,
    ),
    Case(
        "MongoDB: cut, delayed, swallowed for a moment",
        partial(network.mongo_faults, each=1, port=_MONGO_PORTS[0]),
        None,
        _GO_ON,
    ),
    Case(
        "Kafka: a black hole before all workers",
        partial(_kafka_trouble, trouble=Proxy.swallow),
        _NO_WORKER,
        _ONE_WAY,
    ),
    Case(
        "MongoDB: a black hole before all workers",
        partial(_mongo_trouble, port=_MONGO_PORTS[1], trouble=Proxy.swallow),
        _NO_WORKER,
        _ONE_WAY,
    ),
    Case(
        "MongoDB answers as in trouble",
        partial(replica_set.answers, port=_MONGO_PORTS[2], faults_of=_one_answer),
        None,
        "what it did not do is asked for again",
    ),
    Case(
        "MongoDB refuses every commit",
        partial(_no_commits, port=_MONGO_PORTS[3]),
        "OrderImportNoProgress",
        "it answers, and nothing is decided",
    ),
    Case(
        "Offsets are reset",
        partial(topics.offsets_reset, count=1),
        None,
        "the checkpoints say where to go on",
    ),
    Case("Gaps between offsets", partial(topics.offset_gaps, transactions=100), None, "no fault"),
    Case(
        "A topic is made anew",
        _topic_made_anew,
        "OrderImportCheckpointOutsideLog",
        "messages may have been deleted unread",
    ),
    Case(
        "Partitions are added",
        partial(brokers.partitions_added, count=1),
        None,
        "they are read within a minute",
    ),
    Case(
        "Messages that cannot be read",
        _dead_letters,
        "OrderImportDeadLettersOpen",
        "a ticket that is pending: it fires after 15 minutes, since a later order may claim it",
    ),
    Case(
        "Kafka is killed",
        partial(servers.kafka_kills, count=1),
        None,
        f"{_GO_ON}; if it starts for longer than half a minute, it is down",
        _OWN,
    ),
    Case("MongoDB is killed", partial(servers.mongo_kills, count=1), None, _GO_ON, _OWN),
    Case("Kafka is down", partial(_down, end=Cluster.kill_kafka), _UNAVAILABLE, _NO_ANSWER, _OWN),
    Case("MongoDB is down", partial(_down, end=Cluster.kill_mongo), _UNAVAILABLE, _NO_ANSWER, _OWN),
    Case(
        "The disk is full for a moment",
        partial(servers.disk_full, disk=DISK, count=1),
        None,
        _GO_ON,
        Servers.FULL,
    ),
    Case("The disk is full", _disk_full, _UNAVAILABLE, "Kafka ends", Servers.FULL),
    Case(
        "Kafka, 3 brokers: each is restarted, one after the other",
        partial(brokers.rolling_restarts, rounds=1),
        None,
        _GO_ON,
        _REPLICATED,
    ),
    Case(
        "Kafka, 3 brokers: the leader is killed",
        partial(brokers.leader_kills, count=1),
        None,
        "another one leads",
        _REPLICATED,
    ),
    Case(
        "Kafka, 3 brokers: one is away, or stands still",
        partial(brokers.shrinks, count=2, messages=50),
        None,
        "two in-sync replicas are enough",
        _REPLICATED,
    ),
    Case(
        "Kafka, 3 brokers: two are killed",
        partial(brokers.too_few, count=1),
        None,
        "the workers go on once they are back; when they stayed away, no alert came in 75 s: have "
        "one on Kafka's `UnderMinIsrPartitionCount`",
        _REPLICATED,
    ),
)

UNRAISED = {
    "OrderImportFreshnessBurn": "a share of the orders of minutes and of an hour is late: a fault "
    "that stops all has its page long before",
    "OrderImportShipBySoon": "a date comes near; no fault moves it",
    "OrderImportBuyerDataOverdue": "only after a time in which no worker could erase: "
    "`OrderImportNoWorker` or `OrderImportServerUnavailable` came before",
}
"""The alerts that no fault raises, and why."""
