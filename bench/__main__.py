"""`make bench`: measure the parts that are named, or all, and write them into `docs/`."""

import argparse
import asyncio
import time
from collections.abc import Collection
from dataclasses import fields
from itertools import chain

from bench.contenders.contender import CONTENDERS
from bench.engine import build_engine
from bench.plan import PARTS, Options
from bench.report import write
from bench.servers import screen, servers


async def run(parts: Collection[str], options: Options, *, is_written: bool) -> list[str]:
    """Measure parts one after the other, each on new servers; return the names of those failed."""
    failed = []
    for name in parts:
        part, began = PARTS[name], time.monotonic()
        screen.print(f"[bold]{name}")
        try:
            async with servers() as on, asyncio.timeout(60 * part.minutes):
                report = await part.measure(on, options)
        except Exception:  # noqa: BLE001 - the other parts are measured nevertheless
            screen.print_exception(max_frames=5)
            failed.append(name)
            continue
        for text in (*report.tables.values(), *chain(*report.rows.values()), *report.bars):
            screen.print(str(text), markup=False, highlight=False, soft_wrap=True)
        if is_written:
            write(report, on.engine)
        took = time.monotonic() - began
        screen.print(f"[bold]{name}[/] took {took / 60:.1f} minutes", highlight=False)
    return failed


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(PARTS)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{names}; all if none is named")
    for field in fields(Options):
        if field.name != "only":
            parser.add_argument(f"--{field.name}", type=int, default=field.default)
    contenders = ", ".join(contender.name for contender in CONTENDERS)
    parser.add_argument(
        "--only",
        default="",
        help=f"the contest of some of {contenders}, separated by commas; not written",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a twentieth of everything, to try it; not written"
    )
    parser.add_argument("--no-write", action="store_true", help="leave docs/ as it is")
    arguments = parser.parse_args()
    if wrong := sorted(set(arguments.parts) - set(PARTS)):
        parser.error(f"no such part: {', '.join(wrong)}; the parts are {names}")
    return arguments


def main() -> int:
    """Return 1 if a part failed, otherwise 0."""
    arguments = _parse()
    options = Options(
        **{field.name: getattr(arguments, field.name) for field in fields(Options)}
        | {"only": tuple(filter(None, arguments.only.split(",")))}
    )
    is_written = not (arguments.no_write or arguments.quick or options.only)
    build_engine()
    failed = asyncio.run(
        run(
            arguments.parts or list(PARTS),
            options.quick() if arguments.quick else options,
            is_written=is_written,
        )
    )
    if failed:
        screen.print(f"[bold red]not measured: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
