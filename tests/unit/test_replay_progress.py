"""What a person sees of a replay that runs: lines without a terminal, and no silence."""

import pytest

from order_import.cli import replay_view as replay_progress
from order_import.cli.replay_view import show_progress


async def test_without_a_terminal_there_are_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_progress, "_LINE_SECONDS", -1)
    with show_progress(10, quiet=False) as show:
        for done in (0, 3, 3, 10):
            show(done)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"{done} of 10 carried out" for done in (0, 3, 10)]


async def test_json_output_has_no_lines_beside_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_progress, "_LINE_SECONDS", -1)
    with show_progress(10, quiet=True) as show:
        show(10)
    assert capsys.readouterr().err == ""


async def test_that_nobody_works_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_progress, "_WARN_SECONDS", -1)
    with show_progress(10, quiet=True) as show:
        for _ in range(3):
            show(0)
    assert capsys.readouterr().err.count("No progress; waiting for a worker") == 1
