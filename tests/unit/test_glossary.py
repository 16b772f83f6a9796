"""The words that this project no longer uses: no code, page or document may bring them back."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("models", "handlers", "storage", "streams", "order_import", "clients/python/src")
PAGES = ("order_import/console/templates", "README.md", "docs")
GENERATED = ("docs/contract", "docs/decisions", "docs/faults.md", "docs/performance.md")

_NAMES = """
Lane Lanes lane lanes deliver caught_up bench Bench judge judged judgement rejudge reception
settlement verdict Turn turns take_turn taken_before TurnCache Handover followed_by Admission
Position positions decided_to published_to taken_to delivered_to take_up PositionLost
mark_published restart_position unpublished_elsewhere not_yet_sent Hold holds Occasion story
StoryEntry waits_on Told Reading Refusal Changes OrderChange order_in order_out settled Desk desk
Visit recognize operates Guard Show links see news Letter Letters letter LetterDesk Examiner
examine nearby surroundings garbage
"""
NAMES = frozenset(_NAMES.split())
"""Identifiers and stored names that have another word today.

`Page` and `translated` are not among them: the console has pages, and translates its texts.
"""

VARIABLES = frozenset(("told", "found", "asked", "wanted", "known", "one", "held", "letters"))
"""Identifiers that do not say what they hold. As texts and stored names they are fine."""

KEPT = {
    # Amazon's own name of a notification.
    "OrderChange": ("handlers/payloads/notifications.py",),
    # A header's value that programs read on Kafka.
    "Refusal": ("order_import/devtools/contract/messages.py",),
    # Collections of earlier layouts.
    "positions": ("storage/mongo/storage.py",),
    "turns": ("storage/mongo/storage.py",),
    # A stored field, beside `expected`.
    "found": (
        "models/checkpoint.py",
        "order_import/cli/status.py",
        "storage/documents/checkpoint.py",
        "streams/batch.py",
    ),
}
"""The old names that are part of a contract, and the files that need them."""

TEXTS = (
    "Drive the chosen again",
    "Driven again",
    "Look again",
    "Search on",
    "No order is like that.",
    "Leave it",
    "half of them",
    "95 of 100",
    "To what",
    "You may look, but not change.",
    "Its story",
    "judged again",
    "created anew",
    "were not told",
)
"""What the console used to say."""


def _old_names_in(path: Path) -> Iterator[tuple[int, str]]:
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            name = token.string
            if token.type == tokenize.STRING:
                is_old = (name := name.strip("\"'")) in NAMES
            else:
                is_old = name in NAMES or name in VARIABLES
            if is_old:
                yield token.start[0], name


def _is_kept(path: str, name: str) -> bool:
    return path in KEPT.get(name, ())


def test_no_old_name_is_left() -> None:
    files = {
        str(path.relative_to(ROOT)): path
        for directory in PRODUCT
        for path in sorted((ROOT / directory).rglob("*.py"))
    }
    assert len(files) > 100  # the product was read
    left = {
        (path, line, name) for path, file in files.items() for line, name in _old_names_in(file)
    }
    assert [old for old in sorted(left) if not _is_kept(old[0], old[2])] == []
    used = {(path, name) for path, _, name in left}
    assert [
        (path, name) for name, paths in KEPT.items() for path in paths if (path, name) not in used
    ] == []


def test_no_page_or_document_says_what_it_used_to() -> None:
    left = []
    for place in PAGES:
        start = ROOT / place
        for path in [start] if start.is_file() else sorted(start.rglob("*.*")):
            name = str(path.relative_to(ROOT))
            if path.suffix in (".md", ".html") and not name.startswith(GENERATED):
                text = path.read_text(encoding="utf-8")
                left += [f"{name}: {old}" for old in TEXTS if _says(text, old)]
    assert left == []


def _says(text: str, old: str) -> bool:
    return re.search(rf"\b{re.escape(old)}", text) is not None


def test_an_old_name_would_be_seen(tmp_path: Path) -> None:
    written = tmp_path / "written.py"
    written.write_text('Hold = {"decided_to": one, "known": 1}\n', encoding="utf-8")
    assert [*_old_names_in(written)] == [(1, "Hold"), (1, "decided_to"), (1, "one")]


def test_an_old_text_would_be_seen() -> None:
    assert _says("<button>Look again</button>", "Look again")
