"""What the console's health page tells."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from models.checkpoint import OffsetReset
from models.messages import TopicPartition
from order_import.console.samples import Minute, list_minutes, record_sample
from order_import.operations.health import Health, ServerHealth
from order_import.operations.lag import TopicLag
from storage.port import HealthSample
from storage.queries import BuyerDataCounts
from tests.unit.console_kit import NOW, Quiet, a_client, a_context


async def lossy() -> Health:
    """Return the health of one partition cut off, and of one whose topic is another."""
    away = ServerHealth("MongoDB", "here", None, "away")
    source = TopicPartition("amazon.orders", 1)
    resets = [OffsetReset(source, 1276, 2500, NOW), OffsetReset(source, 40, 0, NOW)]
    return Health(away, away, resets=resets)


async def test_rule_27_the_health_page_shows_overdue_buyer_data_and_what_expires_soon() -> None:
    async def late() -> Health:
        away = ServerHealth("MongoDB", "here", None, "away")
        return Health(away, away, buyer_data=BuyerDataCounts(2, 1_200, 3))

    async with a_client(a_context(check_health=late)) as client:
        page = await client.get("/health")
    words = " ".join(re.sub(r"<[^>]+>", " ", page.text).split())
    assert "Buyer data to erase 2 overdue; in the next 7 days 1,200 orders and 3 dead" in words


@pytest.mark.parametrize("language", ["en", "de"])
async def test_the_health_page_tells_what_kafka_deleted_before_it_was_read(language: str) -> None:
    async with a_client(a_context(check_health=lossy)) as client:
        page = await client.get("/health", headers={"accept-language": language})
    rows = re.findall(r"<tr>(.*?)</tr>", page.text, re.DOTALL)[-2:]
    told = [re.sub(r"<[^>]+>", " ", row).split() for row in rows]
    assert (
        told[0][-4:]
        == {
            "en": ["amazon.orders:1", "1,276", "2,500", "1,224"],
            "de": ["amazon.orders:1", "1.276", "2.500", "1.224"],
        }[language]
    )
    assert " ".join(told[1]).endswith(
        {"en": "40 0 topic was recreated", "de": "40 0 Topic neu angelegt"}[language]
    )


MINUTE = timedelta(minutes=1)


def sample(
    seconds: float, decided: int, lag: int | None = 0, delay: float | None = 0
) -> HealthSample:
    return HealthSample(NOW + timedelta(seconds=seconds), decided, lag, delay)


def test_a_minute_has_the_rate_since_the_last_one_and_the_worst_lag_and_delay() -> None:
    samples = [sample(-80, 100), sample(-40, 340, 7, 1.5), sample(-20, 700, 3, 4), sample(0, 700)]
    before, minute, now = list_minutes(samples, NOW)[-3:]
    # The first sample has none before it to be compared with.
    assert before == Minute(NOW - 2 * MINUTE, None, 0, 0)
    assert minute == Minute(NOW - MINUTE, 10, 7, 4)
    assert now == Minute(NOW, 0, 0, 0)


def test_the_hour_has_a_minute_for_each_of_its_minutes_and_gaps_stay_gaps() -> None:
    minutes = list_minutes([sample(-600, 5), sample(-20, 5000), sample(0, 5000)], NOW)
    assert [minute.at for minute in minutes] == [NOW - at * MINUTE for at in range(59, -1, -1)]
    assert {minute.lag for minute in minutes[-9:-1]} == {None, 0}
    # What happened in a gap is not known, and no rate of the minute after it.
    assert minutes[-2] == Minute(NOW - MINUTE, None, 0, 0)
    assert minutes[-3] == Minute(NOW - 2 * MINUTE)


def test_a_recreated_topic_makes_no_negative_rate() -> None:
    assert list_minutes([sample(-20, 5000), sample(0, 10)], NOW)[-1].rate == 0


class State(Quiet):
    """Keeps samples."""

    def __init__(self, *samples: HealthSample) -> None:
        self.kept = [*samples]

    async def add_sample(self, sample: HealthSample, keep_since: datetime) -> None:
        assert keep_since < NOW - timedelta(hours=1)
        self.kept.append(sample)

    async def samples(self, _: datetime) -> list[HealthSample]:
        return self.kept


def healthy(**values: Any) -> Callable[[], Awaitable[Health]]:
    async def check() -> Health:
        fields: dict[str, Any] = {"decided": 9} | values
        return Health(ServerHealth("Kafka", "k"), ServerHealth("MongoDB", "m"), **fields)

    return check


async def test_a_sample_is_of_its_moment_with_all_topics_together() -> None:
    lag = [
        TopicLag("amazon.orders", True, 3, 4, NOW - timedelta(seconds=9)),
        TopicLag("commerce.stores", True, 1, 0),
    ]
    state = State()
    at = NOW + timedelta(seconds=51)
    context = a_context(state=state, check_health=healthy(lag=lag))
    await record_sample(replace(context, now=lambda: at))
    assert state.kept == [HealthSample(NOW + timedelta(seconds=40), 9, 8, 60.0)]


async def test_without_kafka_a_sample_has_no_lag_and_without_mongodb_there_is_none() -> None:
    state = State()
    await record_sample(a_context(state=state, check_health=healthy()))
    await record_sample(a_context(state=state, check_health=healthy(decided=None)))
    assert state.kept == [HealthSample(NOW, 9, None, None)]


class Letters(Quiet):
    """No dead letters."""

    async def counts(self, *, only_open: bool) -> Mapping[str, int]:
        assert only_open
        return {}


class Orders(Quiet):
    """No store has blocked orders."""

    async def blocked_stores(self, _: object) -> list[str]:
        return []


class Reader(Quiet):
    """There are no stores."""

    async def stores(self) -> Mapping[str, object]:
        return {}


async def test_the_health_page_has_three_charts_of_the_last_hour() -> None:
    state = State(sample(-60, 100, 1200, 30), sample(-20, 500, 30, 2.5), sample(0, 500, 0, 0))
    context = a_context(
        state=state,
        check_health=healthy(),
        dead_letters=Letters(),
        orders=Orders(),
        reader=Reader(),
    )
    async with a_client(context) as client:
        page = (await client.get("/health")).text
    labels = re.findall(r'<svg class="bars"[^>]* aria-label="([^"]*)"', page)
    assert labels == [
        "Rate, decided per second: now 0, at most 10",
        "Delay, age of the oldest undecided message: now 0 sec, at most 30 sec",
        "Lag, messages waiting: now 0, at most 1,200",
    ]
    assert page.count('class="received"') == 2 + 2 + 2
