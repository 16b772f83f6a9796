"""What a person sees of a replay that runs: lines where there is no terminal, and no silence."""

import pytest

from order_import.cli import replay_progress
from order_import.cli.replay_progress import show_progress
from order_import.replay.lease import Tally


async def test_without_a_terminal_there_are_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_progress, "_LINE_EVERY", -1)
    with show_progress(10, quiet=False) as show:
        for tally in (Tally(5, 0), Tally(5, 3), Tally(5, 3), Tally(10, 10)):
            show(tally)
    told = capsys.readouterr().err.splitlines()
    assert told == [f"{done} of 10 carried out" for done in (0, 3, 10)]


async def test_json_output_has_no_lines_beside_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_progress, "_LINE_EVERY", -1)
    with show_progress(10, quiet=True) as show:
        show(Tally(10, 10))
    assert capsys.readouterr().err == ""


async def test_that_nobody_works_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_progress, "_SILENT_FOR", -1)
    with show_progress(10, quiet=True) as show:
        show(Tally(5, 0))
        show(Tally(5, 0))
    assert capsys.readouterr().err.count("No worker carries anything out") == 1
