"""What `replay` and `sync` refuse before they ask any server."""

from decimal import Decimal

import pytest
from rich.console import Console

from models.replay import ReplayAnswer, ReplayReason, ReplayResult
from order_import.__main__ import main
from order_import.cli.replay_view import show_dry_run, summary_as_json
from order_import.operations.replay import Summary
from tests.builders import money


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--execute",), "--reason-text"),
        (("--execute", "--reason-text", "  "), "--reason-text"),
        (("--execute", "--reason-text", "x", "--assume", "product:A:enabled=true"), "--assume"),
        (("--assume", "product:A:enabeld=true"), "enabeld: expected one of enabled"),
        (("--reason", "bad-weather"), "not-in-catalog"),
        (("--since", "yesterday"), "--since"),
        (("--until", "tomorrow"), "--until"),
        (("--order", "1", "--sku", "A"), "--order"),
        (("--order", "1", "--from-topic"), "--order"),
    ],
)
def test_bad_usage_of_a_replay_is_2_and_names_the_option(
    arguments: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as left:
        main(("replay", *arguments))
    assert left.value.code == 2
    assert told in capsys.readouterr().err


def a_summary() -> Summary:
    summary = Summary()
    for number in range(25):
        answer = ReplayAnswer(f"us/{number}", ReplayResult.CREATED, (), money("2.50"))
        summary.add(answer)
    causes = (
        ReplayReason("out-of-stock", "A", 2, 1.0),
        ReplayReason("not-in-catalog", "B", 1, None),
    )
    summary.add(ReplayAnswer("us/blocked", ReplayResult.BLOCKED, causes))
    summary.add(ReplayAnswer("us/made", ReplayResult.REFUSED, (ReplayReason("already-created"),)))
    return summary


def test_a_dry_run_is_told_to_people() -> None:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        show_dry_run(console, a_summary(), ["product:A:enabled=true"])
    lines = captured.get().splitlines()
    assert lines[0] == "Dry run: 27 orders checked against today's facts. Nothing changed."
    assert "  assumed: product:A:enabled=true" in lines
    assert "Would be created: 25 orders, 62.50 USD" in lines
    assert "  us/0  2.50 USD" in lines
    assert "  and 5 more" in lines
    assert (
        "  us/blocked  out-of-stock A (needs 2, 1 available); not-in-catalog B (needs 1)" in lines
    )
    assert "  1 already-created: The Commerce order already exists" in lines


def test_a_summary_is_told_to_programs() -> None:
    told = summary_as_json(a_summary())
    assert told["created"] == {
        "orders": 25,
        "value": [money("62.50")],
        "first": [{"order": f"us/{n}", "total": money("2.50")} for n in range(20)],
    }
    assert money("62.50").amount == Decimal("62.50")
    assert told["refused"] == {
        "orders": 1,
        "reasons": {"already-created": 1},
        "first": [{"order": "us/made", "reasons": (ReplayReason("already-created"),)}],
    }
