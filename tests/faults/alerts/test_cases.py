"""The table of faults and alerts has every campaign of `make faults`, and every alert."""

from functools import partial
from pathlib import Path

from tests.faults.alerts.cases import CASES, UNRAISED
from tests.faults.campaigns import servers, topics
from tests.faults.campaigns.table import table
from tests.faults.report import alerts_table
from tests.unit.test_observability import ALERTS


def _function(run: object) -> object:
    return run.func if isinstance(run, partial) else run


def test_every_campaign_of_faults_has_a_case() -> None:
    campaigns = {_function(campaign.run) for campaign in table([1, 2, 3], Path())}
    cases = {_function(case.make) for case in CASES}
    # The cases of these make the same fault, but it lasts, or the workers go on meanwhile.
    others = {servers.kafka_down, servers.mongo_down, topics.topic_made_anew}
    assert campaigns - cases == others


def test_every_alert_is_raised_by_a_case_or_said_to_be_raised_by_none() -> None:
    raised = {case.alert for case in CASES if case.alert is not None}
    assert raised & UNRAISED.keys() == set()
    assert raised | UNRAISED.keys() == {alert["alert"] for alert in ALERTS}


def test_the_document_has_every_case() -> None:
    """When this fails: make faults-alerts."""
    rows = [line.split(" | ")[0].removeprefix("| ") for line in alerts_table().splitlines()]
    assert [case.name for case in CASES] == [row for row in rows if row in {c.name for c in CASES}]
    assert "**" not in alerts_table()
