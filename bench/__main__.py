"""`make bench`: all that `docs/performance.md` tells, measured in one run, and written into it.

Parts, each also by itself (`python -m bench latency release`): contest, latency, workers,
release, replay, million, partitions, catalog, profile. A run that is broken off goes on where it
was when it is started again with the same code and the same numbers; `--anew` starts over.
`--report` measures nothing, and writes the document of what was kept.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from bench.contenders.contender import CONTENDERS
from bench.document import write_document
from bench.engine import build_engine
from bench.plan import PARTS, Options, Part
from bench.records import begun, finished, fitting, keep_elsewhere
from bench.servers import console, servers
from streams.clock import now


async def run(parts: Sequence[Part], told: Options, since: datetime) -> list[str]:
    """Measure what is not there yet; give the names of parts that failed."""
    failed = []
    for part in parts:
        asked = part.asked(told)
        had = fitting(part.name, since, asked)
        if had is not None and had["whole"]:
            console.print(f"[bold]{part.name}[/]: there already, measured {had['at']}")
            continue
        console.print(f"[bold]{part.name}[/] {asked}", highlight=False)
        began = time.monotonic()
        try:
            async with servers() as on, asyncio.timeout(60 * part.minutes):
                await part.measure(on, told, asked, had)
        except Exception:  # noqa: BLE001 - whatever it is, the other parts are measured
            console.print_exception(max_frames=5)
            failed.append(part.name)
        took = time.monotonic() - began
        console.print(f"[bold]{part.name}[/] took {took / 60:.1f} minutes", highlight=False)
    return failed


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help="all, if none is named")
    for field in fields(Options):
        if field.name != "only":
            parser.add_argument(f"--{field.name}", type=int, default=field.default)
    contenders = ", ".join(one.name for one in CONTENDERS)
    parser.add_argument("--only", default="", help=f"some of {contenders}, joined by commas")
    parser.add_argument(
        "--quick", action="store_true", help="a twentieth of all; figures mean little"
    )
    parser.add_argument("--anew", action="store_true", help="measure all of it again")
    parser.add_argument("--report", action="store_true", help="only write the document")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ as they are")
    asked = parser.parse_args()
    if wrong := sorted(set(asked.parts) - set(names)):
        parser.error(f"no such part: {', '.join(wrong)}; there are {', '.join(names)}")
    return asked


def main() -> int:
    """Measure, and write; 1 if a part failed."""
    asked = _parse()
    told = Options(
        **{field.name: getattr(asked, field.name) for field in fields(Options)}
        | {"only": tuple(name for name in asked.only.split(",") if name)}
    )
    if asked.quick:
        keep_elsewhere("quick")
    failed: list[str] = []
    if not asked.report:
        build_engine()
        parts = [part for part in PARTS if not asked.parts or part.name in asked.parts]
        # Parts that are asked for by name are measured, whether or not they are there.
        since = now() if asked.parts else begun(anew=asked.anew)
        failed = asyncio.run(run(parts, told.quick() if asked.quick else told, since))
        if not failed and not asked.parts:
            finished()
    if not asked.no_write and not asked.quick:
        write_document()
    if failed:
        console.print(f"[bold red]not measured: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
