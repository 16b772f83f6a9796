"""`make faults-alerts`: make each kind of fault, and see which alerts it raises.

`--only TEXT` takes the cases whose names have it, and keeps the outcomes of the others. The result
is a table in docs/faults.md. The logs of the last run are left in `.data/faults/alerts`.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import shutil
import sys
import time
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from tests.faults import report
from tests.faults.__main__ import DATA
from tests.faults.alerts.cases import CASES, DISK, FIRST_PORT, LIMIT, UNRAISED, Case
from tests.faults.alerts.prometheus import EVERY, Ports, Prometheus, prometheus
from tests.faults.alerts.watched import Watched
from tests.faults.campaigns.table import Servers
from tests.faults.cluster import Cluster
from tests.faults.disk import SmallDisk
from tests.faults.nursery import Nursery
from tests.keys import buyer_keys_in_use

HOME = DATA / "alerts"
RESULTS = DATA / "alerts.json"
_WORKERS = 6
"""So many may be there at once, in a storm."""
_PORTS_EACH = _WORKERS + 2
_PAUSE = 0.5
_LONGER = 15.0
"""For how much longer than its alert may take a fault is watched: no other page comes."""
console = Console(highlight=False)


@dataclass
class Outcome:
    """What a fault raised.

    `seconds` until its alert came, which is `pending` if it is a ticket that fires later; `wrong`
    has the pages that it should not raise.
    """

    seconds: float | None = None
    state: str = ""
    wrong: list[str] = field(default_factory=list)
    error: str = ""

    def holds(self, case: Case) -> bool:
        """Return whether it is what the case says."""
        in_time = self.seconds is not None and self.seconds <= LIMIT
        return not self.error and not self.wrong and (case.alert is None or in_time)


class Runner:
    """Runs cases, several at a time, on the servers they need."""

    def __init__(self, nursery: Nursery, shared: Cluster, count: int, at_once: int) -> None:
        self._nursery, self._shared, self._count = nursery, shared, count
        self._slots = asyncio.Semaphore(at_once)
        self._small_disk = asyncio.Lock()
        self.prometheus: Prometheus

    async def run(self, case: Case, name: str, ports: Ports) -> Outcome:
        """Run one case; an error becomes its outcome."""
        outcome = Outcome()
        home = HOME / name
        home.mkdir()
        async with self._slots:
            console.print(f"{case.name}: begins, {name} of {self._count}", soft_wrap=True)
            try:
                async with self._servers(case, home) as cluster, asyncio.timeout(900):
                    servers = cluster, self._nursery, self.prometheus
                    await self._watch(case, outcome, Watched(servers, home, name, ports))
            except Exception as error:  # noqa: BLE001 - told in the outcome
                outcome.error = "".join(traceback.format_exception(error))[-3000:]
        _tell(case, outcome)
        _keep(case, outcome)
        return outcome

    @asynccontextmanager
    async def _servers(self, case: Case, home: Path) -> AsyncIterator[Cluster]:
        async with AsyncExitStack() as stack:
            if case.servers is Servers.SHARED:
                yield self._shared
                return
            if case.servers is Servers.FULL:
                await stack.enter_async_context(self._small_disk)
                disk = stack.enter_context(SmallDisk(DISK))
                if not disk.there:
                    raise RuntimeError("only root can mount the small disk")
                home = DISK
            replicated = case.servers is Servers.REPLICATED
            yield await stack.enter_async_context(Cluster(home / "servers", replicated=replicated))

    async def _watch(self, case: Case, outcome: Outcome, installation: Watched) -> None:
        """Make the fault; note which alerts there are, until long enough after it."""
        await installation.open()
        try:
            async with installation.console():
                making = asyncio.create_task(_make(case, installation))
                try:
                    await self._note_alerts(case, outcome, installation, making)
                finally:
                    making.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await making
        finally:
            await installation.cluster.mend()
            await installation.close()

    async def _note_alerts(
        self, case: Case, outcome: Outcome, installation: Watched, making: asyncio.Task[None]
    ) -> None:
        watched = LIMIT + (_LONGER if case.alert else 0)
        while (made := installation.made) is None or time.monotonic() < made + watched:
            if making.done():
                making.result()
            for alert in await self.prometheus.alerts(installation.name):
                is_page = alert.severity == "page"
                if is_page and alert.state != "firing":
                    continue
                if alert.name == case.alert and made is not None:
                    if outcome.seconds is None:
                        outcome.seconds, outcome.state = time.monotonic() - made, alert.state
                elif is_page and alert.name not in outcome.wrong:
                    outcome.wrong.append(alert.name)
            await asyncio.sleep(_PAUSE)


async def _make(case: Case, installation: Watched) -> None:
    """Make the fault; if it is over, have two workers work on."""
    await case.make(installation)
    # The proxy is gone, if there was one.
    cluster = installation.cluster
    installation.bootstrap, installation.mongo_url = cluster.bootstrap, cluster.mongo_url
    if not installation.load_runs:
        installation.busy()
    async with installation.supervised(2):
        installation.made = time.monotonic()
        await asyncio.Event().wait()


def _keep(case: Case, outcome: Outcome) -> None:
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(found | {case.name: asdict(outcome)}, indent=1))


def _tell(case: Case, outcome: Outcome) -> None:
    word = "[green]holds[/]" if outcome.holds(case) else "[red]DOES NOT HOLD[/]"
    after = "" if outcome.seconds is None else f" {outcome.state} after {outcome.seconds:.0f} s"
    others = f"; but also {', '.join(outcome.wrong)}" if outcome.wrong else ""
    alert = case.alert or "no alert"
    console.print(f"{case.name}: {word}, {alert}{after}{others}", soft_wrap=True)
    if outcome.error:
        console.print(f"  {outcome.error}", markup=False)


def to_markdown(outcomes: Mapping[str, Outcome]) -> str:
    """Return the table of docs/faults.md, given the outcomes by the cases' names."""
    rows = [
        f"| {case.name} | {_alert(case, one)} | {_seconds(case, one)} | {case.why} |"
        for case in CASES
        for one in [outcomes[case.name]]
    ]
    rows += [f"| none of them | `{alert}` | | {why} |" for alert, why in UNRAISED.items()]
    return "\n".join(
        [
            (
                f"`make faults-alerts`: beside Debian's Prometheus, which asks every {EVERY} s, "
                "with the rules of `deploy/observability/alerts.yml`, and with hours behind it in "
                "which all was well. The seconds are from the fault until its alert fires; with a "
                "longer interval it takes up to two intervals more. A fault that is over, or needs "
                f"no alert, is watched for {LIMIT:.0f} s. No other page fires, unless the row says "
                "so. Each row is of its last run, on a machine that others used too."
            ),
            "",
            "| fault | alert | seconds | because |",
            "|---|---|---:|---|",
            *rows,
        ]
    )


def _alert(case: Case, outcome: Outcome) -> str:
    expected = f"`{case.alert}`" if case.alert else "none"
    wrong = ", ".join(f"`{name}`" for name in outcome.wrong)
    return f"{expected}, **and {wrong}**" if wrong else expected


def _seconds(case: Case, outcome: Outcome) -> str:
    if outcome.error:
        return "**not finished**"
    if case.alert is None:
        return ""
    if outcome.seconds is None:
        return "**never**"
    pending = " (pending)" if outcome.state == "pending" else ""
    return f"{outcome.seconds:.0f}{pending}"


async def _run(cases: list[Case], at_once: int) -> list[Outcome]:
    shutil.rmtree(HOME, ignore_errors=True)
    (HOME / "prometheus").mkdir(parents=True)
    first = [FIRST_PORT + 10 + _PORTS_EACH * at for at in range(len(cases))]
    ports = {
        f"case-{at}": Ports(port, port + 1, tuple(range(port + 2, port + _PORTS_EACH)))
        for at, port in enumerate(first, 1)
    }
    async with Cluster(HOME / "servers", proxies=2) as shared, Nursery() as nursery:
        runner = Runner(nursery, shared, len(cases), at_once)
        async with prometheus(HOME / "prometheus", ports) as runner.prometheus:
            return await asyncio.gather(
                *(
                    runner.run(case, name, ports[name])
                    for case, name in zip(cases, ports, strict=True)
                )
            )


def main() -> int:
    """Run the cases, and write the table if these were all; 0 if each is as it should be."""
    parser = argparse.ArgumentParser(prog="make faults-alerts", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="TEXT", help="in their names")
    parser.add_argument("--at-once", type=int, default=2, help="cases side by side")
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it is told to break
    cases = [
        case
        for case in CASES
        if not args.only or any(text.lower() in case.name.lower() for text in args.only)
    ]
    new = asyncio.run(_run(cases, args.at_once))
    outcomes = {name: Outcome(**one) for name, one in json.loads(RESULTS.read_text()).items()}
    if all(case.name in outcomes for case in CASES):
        report.write_alerts(to_markdown(outcomes))
        console.print("written: docs/faults.md")
    return 0 if all(one.holds(case) for case, one in zip(cases, new, strict=True)) else 1


if __name__ == "__main__":
    with buyer_keys_in_use():
        sys.exit(main())
