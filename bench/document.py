"""The generated parts of `docs/performance.md` and `docs/scaling.md`, and the picture."""

import re
from collections.abc import Callable
from typing import Any

from bench import bars, catalog, contest_table, growth, latency, million, profile, release, scaling
from bench.catalog import Load
from bench.profile import Profile
from bench.records import ROOT, load
from bench.servers import console
from bench.working import Cost

PERFORMANCE = ROOT / "docs" / "performance.md"
SCALING = ROOT / "docs" / "scaling.md"
PICTURE = ROOT / "docs" / "performance.svg"
_ENGINES = {
    "rust": "SecantusDB's Rust server",
    "python": "SecantusDB's Python server, as the Rust one could not be had",
}


def write_document() -> None:
    """Put each part that was kept between its markers; one that was not stays as it is."""
    found = bars.kept()
    document = PERFORMANCE.read_text(encoding="utf-8")
    for part, told in _texts(found).items():
        if told is not None:
            document = _put(document, part, told)
    PERFORMANCE.write_text(document, encoding="utf-8")
    loads = scaling.as_markdown(found)
    if loads is not None:
        text = _put(SCALING.read_text(encoding="utf-8"), "scaling", loads)
        SCALING.write_text(text, encoding="utf-8")
    if found.contest:
        PICTURE.write_text(contest_table.picture(found.contest), encoding="utf-8")
    console.print(f"written: {PERFORMANCE.relative_to(ROOT)}")


def _texts(found: bars.Kept) -> dict[str, str | None]:
    again = [*found.release, *found.replay]
    return {
        "bars": _where() + bars.as_markdown(found),
        "contest": contest_table.as_markdown(found.contest) if found.contest else None,
        "latency": latency.as_markdown(found.latency) if found.latency else None,
        "workers": growth.as_markdown(found.workers) if found.workers else None,
        "million": million.as_markdown(found.way) if found.way else None,
        "again": release.as_markdown(again) if again else None,
        "partitions": _kept("partitions", lambda one: Cost(**one), growth.as_markdown),
        "catalog": _kept("catalog", lambda one: Load(**one), catalog.as_markdown),
        "profile": _kept(
            "profile", lambda one: Profile(**one), lambda all_: profile.as_markdown(all_[0])
        ),
    }


def _kept(part: str, value: Callable[[Any], Any], text: Callable[[list[Any]], str]) -> str | None:
    found = load(part)
    return text([value(one) for one in found["results"]]) if found else None


def _where() -> str:
    """Say on what and when it was measured."""
    found = [one for part in ("contest", "million", "latency") if (one := load(part))]
    if not found:
        return ""
    first = found[0]
    engine = _ENGINES.get(first["engine"], first["engine"])
    return f"{first['at'][:10]}, {first['machine']}; MongoDB's protocol by {engine}.\n\n"


def _put(document: str, part: str, text: str) -> str:
    begin, end = f"<!-- {part}: generated -->", f"<!-- {part}: end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(document):
        raise ValueError(f"{PERFORMANCE} has no part {part}")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document)
