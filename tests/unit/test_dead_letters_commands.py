"""`dead-letters` as people use it: what is printed, and what is bad usage."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pytest
from typing_extensions import override

from models.dead_letters import DeadLetterFilter, DeadLetterLine, Redrive, StoredDeadLetter
from models.messages import DeadLetterCode
from order_import.__main__ import main
from order_import.operations import redrive
from order_import.settings import Settings
from storage.mongo.dead_letters import MongoDeadLetters
from tests.builders import NOW, a_dead_letter
from tests.unit.readers import opened

LINE = DeadLetterLine(
    dead_letter_id="amazon.orders:0:7",
    code=DeadLetterCode.UNKNOWN_STORE,
    topic="amazon.orders",
    at=NOW,
    size=5000,
    message="store-id: expected a header",
    has_key=True,
    claimed=False,
    redriven=(),
    chain=0,
)


class FakeDeadLetters(MongoDeadLetters):
    """Has what it was given, and remembers what it was asked."""

    def __init__(
        self, *lines: DeadLetterLine, dead_letters: Sequence[StoredDeadLetter] = ()
    ) -> None:
        self.there = {line.dead_letter_id: line for line in lines}
        self.kept = {one.dead_letter.dead_letter_id: one for one in dead_letters}
        self.asked: list[DeadLetterFilter] = []

    @override
    async def counts(
        self, topic: str | None = None, *, only_open: bool = False
    ) -> Mapping[DeadLetterCode, int]:
        return {DeadLetterCode.UNKNOWN_STORE: len(self.there)} if self.there else {}

    @override
    async def find(self, wanted: DeadLetterFilter) -> Sequence[DeadLetterLine]:
        self.asked.append(wanted)
        return list(self.there.values())[: wanted.limit]

    @override
    async def lines(self, ids: Collection[str]) -> Mapping[str, DeadLetterLine]:
        return {name: self.there[name] for name in ids if name in self.there}

    @override
    async def dead_letters(self, ids: Collection[str]) -> Mapping[str, StoredDeadLetter]:
        return {name: self.kept[name] for name in ids if name in self.kept}

    @override
    async def mark_redriven(self, marks: Mapping[str, Redrive]) -> None:
        raise AssertionError("a dry run marks nothing")


@pytest.fixture
def dead_letters(monkeypatch: pytest.MonkeyPatch) -> FakeDeadLetters:
    marked = replace(
        LINE,
        dead_letter_id="amazon.orders:0:8",
        redriven=(Redrive(NOW, 3, "amazon.orders:0:9"),),
        chain=3,
    )
    emptied = replace(LINE, dead_letter_id="amazon.orders:0:9", size=None, has_key=False)
    damaged = replace(LINE, dead_letter_id="amazon.orders:0:10", code=DeadLetterCode.UNREADABLE)
    foreign = replace(LINE, dead_letter_id="old.amazon.orders:0:1", topic="old.amazon.orders")
    kept = StoredDeadLetter(a_dead_letter(value=b'{"BuyerName": "Jane"}'), ())
    dead_letters = FakeDeadLetters(LINE, marked, emptied, damaged, foreign, dead_letters=[kept])

    async def is_there(_settings: Settings, _topic: str) -> bool:
        return True

    monkeypatch.setattr(
        "order_import.cli.context.connect_database",
        lambda _: opened(dead_letters=dead_letters, reader=None),
    )
    monkeypatch.setattr(redrive, "topic_exists", is_there)
    return dead_letters


def leave(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(("dead-letters", *arguments))
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_list_counts_first_and_can_be_copied_from(
    dead_letters: FakeDeadLetters, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave("list", "--code", "unknown-store", "--topic", "amazon.orders") == 0
    told = capsys.readouterr().out
    assert told.index("Dead letters") < told.index("amazon.orders:0:7")
    (row,) = [line for line in told.splitlines() if "amazon.orders:0:8" in line]
    for part in ("unknown-store", "2026-07-01 12:00", "4.9 KiB", "3, last 2026-07-01 12:00"):
        assert part in row
    assert dead_letters.asked == [DeadLetterFilter(DeadLetterCode.UNKNOWN_STORE, "amazon.orders")]


@pytest.mark.usefixtures("dead_letters")
def test_a_full_list_says_that_there_may_be_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("list", "--limit", "1") == 0
    assert "These are the newest 1; use --limit for more." in capsys.readouterr().out


@pytest.mark.usefixtures("dead_letters")
def test_show_masks_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("show", "amazon.orders:0:7") == 0
    told = capsys.readouterr().out
    assert "Jane" not in told
    assert "--unmask shows it" in told
    assert leave("show", "amazon.orders:0:7", "--unmask") == 0
    assert "Jane" in capsys.readouterr().out
    assert leave("show", "amazon.orders:0:7", "--json") == 0
    assert "value_base64" not in json.loads(capsys.readouterr().out)
    assert leave("show", "nothing") == 1


def test_a_dry_run_tells_what_goes_and_why_the_rest_stays(
    dead_letters: FakeDeadLetters, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave("redrive", "--all") == 1
    told = capsys.readouterr().out
    assert "Nothing was sent. Add --execute" in told
    for part in (
        "amazon.orders:0:8: redriven 3 times already",
        "amazon.orders:0:9: it has neither a key nor a value",
        "amazon.orders:0:10: no message could be read",
        "old.amazon.orders is not a topic that this installation reads",
    ):
        assert part in told
    (asked,) = dead_letters.asked
    assert (asked.is_open, asked.oldest_first) == (True, True)


@pytest.mark.usefixtures("dead_letters")
def test_force_takes_the_guard_away_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    ids = ("amazon.orders:0:8", "amazon.orders:0:8", "amazon.orders:0:9", "none:0:0")
    assert leave("redrive", *ids, "--force", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["planned"] == ["amazon.orders:0:8"]
    assert {one["id"] for one in told["refused"]} == {"amazon.orders:0:9", "none:0:0"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("redrive",),
        ("redrive", "amazon.orders:0:7", "--all"),
        ("redrive", "amazon.orders:0:7", "--code", "unknown-store"),
        ("redrive", "--all", "--code", "no-such-code"),
        ("list", "--limit", "0"),
        ("show",),
    ],
)
def test_bad_usage_is_told_as_such(arguments: tuple[str, ...]) -> None:
    assert leave(*arguments) == 2
