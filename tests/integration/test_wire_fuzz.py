"""A few hundred odd records through a real broker: `make faults` sends 20,000 (rule 28)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.wire.batches import WireBatch, WireRecord
from tests.faults.wire.campaign import Campaign
from tests.faults.wire.fuzz import Journal
from tests.faults.wire.judge import Left, Letter, judge
from tests.integration.kit import System

RECORDS = 600


async def test_rule_28_odd_batches_are_each_answered_for_and_end_no_worker(
    system: System, servers: Path
) -> None:
    (logs,) = servers.parent.glob("kafka/**/logs")
    outcome = await Campaign(system, logs).run(seed=1, records=RECORDS)
    assert outcome.violations == []
    assert outcome.records >= RECORDS
    kinds = {"plain", "idempotent", "committed", "aborted", "damaged"}
    assert kinds <= outcome.kinds.keys(), json.dumps(outcome.kinds)


SENT = [
    Journal(0, 0, ("us/1", None)),
    Journal(0, 2, ("us/3",), aborted=True),
    Journal(0, 4, ("us/4", "us/5"), damaged="its checksum"),
]
LEFT = Left(
    segments={
        0: [
            WireBatch([WireRecord()] * 2, base_offset=0).encode(),
            WireBatch([WireRecord()], base_offset=2, transactional=True).encode(),
            WireBatch([WireRecord()], base_offset=3, control=True).encode(),
            WireBatch([WireRecord()] * 2, base_offset=4).encode(),
        ]
    },
    dead_letters=[Letter(0, 1, 1), Letter(0, 4, 5)],
    published=[Letter(0, 1, 1), Letter(0, 4, 5)],
    orders=frozenset({"us/1"}),
    committed_offset={0: 6},
)


def test_the_judge_finds_nothing_where_nothing_is_wrong() -> None:
    assert judge(SENT, LEFT) == []
    # A copy may come of what was under way when a worker ended.
    assert judge(SENT, replace(LEFT, published=[*LEFT.published, LEFT.published[0]])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"orders": frozenset()}, id="an order is lost"),
        pytest.param({"orders": LEFT.orders | {"us/3"}}, id="an aborted one is imported"),
        pytest.param({"orders": LEFT.orders | {"us/5"}}, id="a damaged one is imported"),
        pytest.param({"dead_letters": LEFT.dead_letters[1:]}, id="a refused one is lost"),
        pytest.param({"dead_letters": LEFT.dead_letters[:1]}, id="a damaged batch is lost"),
        pytest.param(
            {"dead_letters": [*LEFT.dead_letters, Letter(0, 0, 0)]}, id="refused and decided"
        ),
        pytest.param({"dead_letters": [*LEFT.dead_letters, Letter(0, 1, 1)]}, id="refused twice"),
        pytest.param(
            {"dead_letters": [*LEFT.dead_letters, Letter(0, 2, 2)]}, id="an aborted one refused"
        ),
        pytest.param(
            {"dead_letters": [*LEFT.dead_letters, Letter(0, 9, 9)]}, id="a letter of nothing"
        ),
        pytest.param({"published": LEFT.published[:1]}, id="a letter is not told"),
        pytest.param({"committed_offset": {0: 5}}, id="the end is not reached"),
        pytest.param({"committed_offset": {}}, id="nothing was begun"),
    ],
)
def test_the_judge_finds_what_is_wrong(wrong: dict[str, object]) -> None:
    assert judge(SENT, replace(LEFT, **wrong))  # type: ignore[arg-type]


def test_the_judge_finds_what_the_broker_has_and_nobody_sent_and_the_other_way_round() -> None:
    assert judge(SENT[1:], LEFT)
    assert judge([*SENT, Journal(0, 6, (None,))], LEFT)
