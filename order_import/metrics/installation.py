"""The metrics of a whole installation: the numbers that `status` and the Health page show."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from models.messages import DeadLetterCode
from models.outcome import ImportState
from models.reasons import BlockerCode
from order_import.metrics.exposition import Sample, gauge
from order_import.operations.health import Health
from storage.queries import BlockedSummary

MAX_STORES = 50
"""How many stores have a label of their own; the others are counted together."""
_OTHERS = "(others)"


@dataclass(frozen=True, slots=True)
class Counts:
    """The orders and dead letters of an installation."""

    states: Mapping[str, Mapping[ImportState, int]]
    """How many orders are in each state, per store id."""
    blockers: Mapping[str, int]
    """How many orders each blocker code blocks."""
    blocked: BlockedSummary
    overdue: Mapping[str, int] = field(default_factory=dict)
    """How many orders wait for details longer than an hour, per store id."""
    open_dead_letters: Mapping[DeadLetterCode, int] = field(default_factory=dict)
    buyer_data_overdue: int = 0
    """How much buyer data has expired and is still stored."""


class InstallationMetrics(Collector):
    """The state of an installation. Without `counts`, MongoDB did not answer.

    Labels leave out the installation's `topic_prefix`.
    """

    def __init__(self, health: Health, counts: Counts | None, topic_prefix: str) -> None:
        self._health = health
        self._counts = counts
        self._prefix = topic_prefix

    @override
    def collect(self) -> Iterator[Metric]:
        """Return the gauges."""
        yield from self._servers_and_topics()
        if self._counts is not None:
            yield from _orders(self._counts)

    def _servers_and_topics(self) -> Iterator[Metric]:
        health = self._health
        servers = (("kafka", health.kafka), ("mongodb", health.mongo))
        yield gauge(
            "server_up",
            "1 if this server answers the process",
            ["server"],
            [((name,), float(server.answers)) for name, server in servers],
        )
        yield gauge(
            "topic_problems",
            "Topics that are missing or do not accept the messages written there",
            [],
            [((), len(health.topics))],
        )
        if health.workers is not None:
            yield gauge("workers", "Members of the workers' group", [], [((), len(health.workers))])
        topics = [(lag, self._name(lag.topic)) for lag in health.lag]
        yield gauge(
            "lag",
            "Undecided messages of a topic",
            ["topic"],
            [((name,), lag.undecided) for lag, name in topics],
        )
        yield gauge(
            "outbox_messages",
            "Decided messages that are not published yet",
            ["topic"],
            [((name,), lag.unpublished) for lag, name in topics],
        )
        yield gauge(
            "oldest_undecided_timestamp_seconds",
            "When the oldest undecided message was sent",
            ["topic"],
            _moments(((name,), lag.oldest) for lag, name in topics),
        )
        yield gauge(
            "checkpoint_reset_timestamp_seconds",
            "When a checkpoint of the topic was last outside its log, in the last 30 days",
            ["topic"],
            # Newest first: the first of each topic stays.
            _moments(
                {
                    (self._name(reset.source.topic),): reset.at for reset in health.resets[::-1]
                }.items()
            ),
        )

    def _name(self, topic: str) -> str:
        return topic.removeprefix(self._prefix)


def _orders(counts: Counts) -> Iterator[Metric]:
    states = {
        store: {state.value: states.get(state, 0) for state in ImportState}
        for store, states in counts.states.items()
    }
    named = _largest(states)
    yield gauge(
        "orders",
        "Orders by the state of their import",
        ["store", "state"],
        _per_store(states, named),
    )
    overdue = {store: {"": counts.overdue.get(store, 0)} for store in states}
    yield gauge(
        "overdue_orders",
        "Orders that have waited for details for more than an hour",
        ["store"],
        [((store,), count) for (store, _), count in _per_store(overdue, named)],
    )
    yield gauge(
        "blocked_orders",
        "Blocked orders by blocker; an order counts once for each of its blockers",
        ["reason"],
        [((code.value,), counts.blockers.get(code, 0)) for code in BlockerCode],
    )
    yield gauge(
        "blocked_amount",
        "The sum of the blocked orders' totals",
        ["currency"],
        [((money.currency,), float(money.amount)) for money in counts.blocked.value],
    )
    yield gauge(
        "blocked_oldest_timestamp_seconds",
        "Since when an order has been blocked, of the longest blocked one",
        [],
        _moments([((), counts.blocked.since)]),
    )
    yield gauge(
        "blocked_next_ship_by_timestamp_seconds",
        "The earliest ship-by date of the blocked orders",
        [],
        _moments([((), counts.blocked.earliest_ship_by)]),
    )
    yield gauge(
        "blocked_due_orders",
        "Blocked orders whose ship-by date is over (overdue) or within 24 hours (at-risk)",
        ["due"],
        [(("overdue",), counts.blocked.overdue), (("at-risk",), counts.blocked.at_risk)],
    )
    yield gauge(
        "dead_letters_open",
        "Dead letters that nobody has redriven and no order has claimed",
        ["code"],
        [((code.value,), counts.open_dead_letters.get(code, 0)) for code in DeadLetterCode],
    )
    yield gauge(
        "buyer_data_overdue",
        "Buyer data that has expired and is still stored",
        [],
        [((), counts.buyer_data_overdue)],
    )


def _moments(samples: Iterable[tuple[tuple[str, ...], datetime | None]]) -> list[Sample]:
    return [(values, moment.timestamp()) for values, moment in samples if moment is not None]


def _largest(counts: Mapping[str, Mapping[str, int]]) -> Collection[str]:
    """Return the stores with the most orders: those that have a label of their own."""
    by_size = sorted(counts, key=lambda store: (-sum(counts[store].values()), store))
    return frozenset(by_size[:MAX_STORES])


def _per_store(
    counts: Mapping[str, Mapping[str, int]], named: Collection[str]
) -> Sequence[tuple[tuple[str, str], float]]:
    sums: dict[tuple[str, str], float] = {}
    for store, of_store in counts.items():
        for label, count in of_store.items():
            key = store if store in named else _OTHERS, label
            sums[key] = sums.get(key, 0.0) + count
    return list(sums.items())
