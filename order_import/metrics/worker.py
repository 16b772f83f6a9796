"""The metrics of one worker: what its processors report, and its state when it is asked."""

from collections import Counter as Count
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, product

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from models.change_set import ChangeSet, OrderWrite
from models.errors import DuplicateKey, StorageBusy, TransactionTooLarge
from models.messages import DeadLetterCode, Incoming, TopicPartition
from models.outcome import ImportState
from models.reasons import BlockerCode, SkipReason, WaitingReason
from models.replay import ReplayResult
from models.topics import READ_TOPICS
from order_import.liveness import WorkerWatch
from order_import.metrics.exposition import PREFIX, gauge
from order_import.readiness import Readiness
from streams.observer import Observer

_DELAY_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_TRANSACTION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SEVERAL = "several"
"""The reason of an order that has more than one kind of blocker."""
_REASONS: Mapping[ImportState, Collection[str]] = {
    ImportState.WAITING: tuple(WaitingReason),
    ImportState.SKIPPED: tuple(SkipReason),
    ImportState.BLOCKED: (*BlockerCode, SEVERAL),
    ImportState.CREATED: ("",),
    ImportState.WITHDRAWN: tuple(SkipReason),
}
_COMMITTED = "committed"
_FAILURES = {
    StorageBusy: "conflict",
    TransactionTooLarge: "too-large",
    DuplicateKey: "duplicate-key",
}
_UNAVAILABLE = "unavailable"


class WorkerMetrics(Observer):
    """Counts what the processors report, once per transaction where that is enough.

    Labels leave out the installation's `topic_prefix`.
    """

    def __init__(
        self, registry: CollectorRegistry, topic_prefix: str, now: Callable[[], datetime]
    ) -> None:
        self._prefix = topic_prefix
        self._now = now
        self._undelivered: dict[TopicPartition, deque[tuple[int, int]]] = {}

        def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(PREFIX + name, text, ["topic"], registry=registry, buckets=buckets)

        self._messages = counter(
            "messages", "Messages decided, or refused as dead letters", ["topic", "result"]
        )
        self._decisions = counter(
            "decisions", "Decisions about orders, by their outcome", ["outcome", "reason"]
        )
        self._dead_letters = counter("dead_letters", "Messages that became dead letters", ["code"])
        self._transactions = counter(
            "transactions", "Transactions that decide messages", ["result"]
        )
        self._replayed = counter("replay_orders", "Orders that a replay checked", ["result"])
        self._rebalances = counter("rebalances", "How often partitions were claimed")
        self._transaction_seconds = histogram(
            "transaction_seconds", "From the first attempt to the commit", _TRANSACTION_BUCKETS
        )
        self._decision_delay = histogram(
            "decision_delay_seconds",
            "From a message's timestamp in Kafka to the commit of what it decided",
            _DELAY_BUCKETS,
        )
        self._event_delay = histogram(
            "event_delay_seconds",
            "From a message's timestamp in Kafka until all that it decided is published",
            _DELAY_BUCKETS,
        )
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        for topic in READ_TOPICS:
            for metric in (self._transaction_seconds, self._decision_delay, self._event_delay):
                metric.labels(topic)
        for topic, result in product(READ_TOPICS, ("decided", "refused")):
            self._messages.labels(topic, result)
        for state, reasons in _REASONS.items():
            for reason in reasons:
                self._decisions.labels(state, reason)
        for code in DeadLetterCode:
            self._dead_letters.labels(code)
        for result in (_COMMITTED, _UNAVAILABLE, *_FAILURES.values()):
            self._transactions.labels(result)
        for answer in ReplayResult:
            self._replayed.labels(answer)

    @override
    def assigned(self, partitions: int) -> None:
        self._rebalances.inc()
        # What was given up is published by its next owner.
        self._undelivered.clear()

    @override
    def committed(
        self,
        topic: str,
        messages: Sequence[tuple[TopicPartition, Incoming]],
        written: Sequence[ChangeSet],
        seconds: float,
    ) -> None:
        name = topic.removeprefix(self._prefix)
        self._transactions.labels(_COMMITTED).inc()
        self._transaction_seconds.labels(name).observe(seconds)
        # An order that came again after it was written ahead is in two parts, and counts once.
        orders = {write.record.key: write for part in written for write in part.orders}
        dead_letters = [dead_letter for part in written for dead_letter in part.dead_letters]
        recorded = chain.from_iterable(part.answers for part in written)
        answers = [answer for part in recorded for answer in part.answers]
        refused = len(dead_letters)
        self._messages.labels(name, "refused").inc(refused)
        self._messages.labels(name, "decided").inc(max(0, len(messages) - refused))
        _add(self._decisions, map(_outcome, orders.values()))
        _add(self._dead_letters, ((dead_letter.code,) for dead_letter in dead_letters))
        _add(self._replayed, ((answer.result,) for answer in answers))
        now_ms = self._now().timestamp() * 1000
        observe = self._decision_delay.labels(name).observe
        for source, message in messages:
            if message.timestamp >= 0:
                observe(max(0.0, now_ms - message.timestamp) / 1000)
                waiting = self._undelivered.setdefault(source, deque())
                waiting.append((message.last_offset, message.timestamp))

    @override
    def failed(self, error: BaseException | None) -> None:
        results = (result for kind, result in _FAILURES.items() if isinstance(error, kind))
        self._transactions.labels(next(results, _UNAVAILABLE)).inc()

    @override
    def published(self, offsets: Mapping[TopicPartition, int]) -> None:
        now_ms = self._now().timestamp() * 1000
        for source, end in offsets.items():
            waiting = self._undelivered.get(source)
            if waiting:
                observe = self._event_delay.labels(source.topic.removeprefix(self._prefix)).observe
                while waiting and waiting[0][0] < end:
                    observe(max(0.0, now_ms - waiting.popleft()[1]) / 1000)


def _outcome(write: OrderWrite) -> tuple[str, str]:
    outcome = write.record.outcome
    match outcome.reasons:
        case ():
            return outcome.state, ""
        case (reason,):
            return outcome.state, reason
        case _:
            return outcome.state, SEVERAL


def _add(counter: Counter, events: Iterable[tuple[str, ...]]) -> None:
    """Count events by their labels; looking labels up for each would take longer."""
    for labels, count in Count(events).items():
        counter.labels(*labels).inc(count)


class WorkerGauges(Collector):
    """What a worker has and what it can reach, at the moment of the question."""

    def __init__(self, readiness: Readiness, watch: WorkerWatch, topic_prefix: str) -> None:
        self._readiness = readiness
        self._watch = watch
        self._prefix = topic_prefix

    @override
    def collect(self) -> Iterator[Metric]:
        """Return the gauges."""
        readiness = self._readiness
        yield gauge(
            "worker_ready",
            "1 if the worker has joined its group and has all it needs",
            [],
            [((), float(readiness.is_ready))],
        )
        servers = (("kafka", readiness.kafka), ("mongodb", readiness.mongodb))
        yield gauge(
            "server_up",
            "1 if this server answers the process",
            ["server"],
            [((name,), float(problem is None)) for name, problem in servers],
        )
        yield gauge(
            "partition_lag",
            "Undecided messages of a partition that this worker has",
            ["topic", "partition"],
            [
                ((source.topic.removeprefix(self._prefix), str(source.partition)), messages)
                for source, messages in self._watch.lag_by_partition.items()
            ],
        )
