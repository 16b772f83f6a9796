"""The watchdog: what stands still is told, and what moves or has nothing to do is not."""

import asyncio
import time

import pytest

from models.messages import TopicPartition
from order_import.liveness import beat
from streams.watchdog import Progress, Watchdog
from tests.waiting import PATIENCE

ORDERS, FACTS = TopicPartition("amazon.orders", 0), TopicPartition("commerce.products", 1)


def at(decided: int, *, step: int = 1, published: int | None = None, read: int = 9) -> Progress:
    return Progress(decided, step, decided if published is None else published, read)


def stalls(*looks: tuple[Progress, int, float]) -> list[list[str]]:
    """Look at one partition: how far it is, the log's end, the time."""
    dog = Watchdog(60)
    return [
        [str(one) for one in dog.check({ORDERS: progress}, {ORDERS: end}, moment)]
        for progress, end, moment in looks
    ]


def test_what_is_read_and_not_decided_is_told_once_it_lasts() -> None:
    first, second, third = stalls((at(5), 9, 0), (at(5), 9, 60), (at(5), 12, 61))
    assert not first
    assert not second
    assert third == [
        (
            "amazon.orders:0 has been at 5 of 12 for 61 s: the messages read are not decided "
            "(read to 9, published to 5)"
        )
    ]


def test_reading_on_is_no_progress() -> None:
    looks = stalls((at(5, read=6), 99, 0), (at(5, read=50), 99, 40), (at(5, read=90), 99, 80))
    assert [len(one) for one in looks] == [0, 0, 1]


def test_what_is_decided_and_not_published_is_told() -> None:
    *_, last = stalls((at(9, published=4), 9, 0), (at(9, published=4), 9, 61))
    assert "the decisions are not published" in last[0]


def test_a_reader_that_stands_is_told() -> None:
    dog = Watchdog(60)
    dog.check({ORDERS: at(9)}, {ORDERS: 10}, 0)
    (stall,) = dog.check({ORDERS: at(9)}, {ORDERS: 10}, 61)
    assert stall.is_unread
    assert "nothing is read" in str(stall)


def test_a_position_that_moves_is_progress_and_so_is_a_step_of_a_long_job() -> None:
    looks = stalls((at(5), 9, 0), (at(6), 9, 50), (at(6, step=2), 9, 100), (at(6, step=2), 9, 150))
    assert not any(looks)


def test_a_partition_with_nothing_to_do_is_left_alone() -> None:
    assert not any(stalls((at(9), 9, 0), (at(9), 9, 1000)))


def test_the_time_begins_anew_with_new_work() -> None:
    looks = stalls((at(9), 9, 0), (at(9), 9, 100), (at(9), 20, 110), (at(9), 20, 150))
    assert not any(looks)


def test_each_partition_has_its_own_time_and_one_given_up_is_forgotten() -> None:
    dog = Watchdog(60)
    dog.check({ORDERS: at(5)}, {}, 0)
    dog.check({FACTS: at(5)}, {}, 50)
    assert not dog.check({ORDERS: at(5), FACTS: at(5)}, {}, 100)
    assert [one.source for one in dog.check({ORDERS: at(5), FACTS: at(5)}, {}, 111)] == [FACTS]


async def test_a_loop_that_does_not_run_ends_the_process() -> None:
    ended: list[int] = []
    beating = asyncio.create_task(beat(0.2, 70, ended.append))
    await asyncio.sleep(0)
    deadline = time.monotonic() + PATIENCE
    while not ended and time.monotonic() < deadline:
        time.sleep(0.05)  # noqa: ASYNC251 - this is what it is for
    assert ended == [70]
    beating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beating
