"""`up --demo`: every outcome of the rules, a worker that heals, and nothing left behind."""

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from models.messages import DeadLetterCode
from models.outcome import ImportState
from models.reasons import BlockerCode, SkipReason, WaitingReason
from order_import.cli.context import DATA_DIR_VARIABLE
from order_import.devtools.demo.catalog import Catalog, make_stores
from order_import.devtools.demo.orders import Change, Day
from tests.integration.kit import ROOT
from tests.waiting import PATIENCE


def clean_environment(data_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "ORDER_IMPORT_" not in name}
    named = "ORDER_IMPORT_SECANTUSD_RS"
    return (
        kept
        | {name: os.environ[name] for name in [named] if name in os.environ}
        | {
            DATA_DIR_VARIABLE: str(data_dir),
            "PYTHONPATH": str(ROOT),
        }
    )


@dataclass
class Up:
    """A running `up` and the command line in a second terminal beside it."""

    process: asyncio.subprocess.Process
    data_dir: Path
    log: Path

    async def cli(self, *arguments: str, status: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "order_import",
            *arguments,
            env=clean_environment(self.data_dir),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == status, (out + err).decode()
        return (out + err).decode()

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self.cli(*arguments, "--json"))


async def eventually(holds: Callable[[], bool | Awaitable[bool]], up: Up, what: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        answer = holds()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        assert up.process.returncode is None or "gone" in what, up.log.read_text()
        assert loop.time() < deadline, f"not in time: {what}\n{up.log.read_text()}"
        await asyncio.sleep(0.1)


async def start_up(data_dir: Path, log: Path, *options: str) -> Up:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "order_import",
            "up",
            *options,
            env=clean_environment(data_dir),
            stdout=output,
            stderr=output,
            cwd=log.parent,
        )
    return Up(process, data_dir, log)


def processes_of(data_dir: Path) -> list[int]:
    """Every living process that was told of this directory, by argument or by its lock."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if directory.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue
            links = [str(link.readlink()) for link in directory.joinpath("fd").iterdir()]
        except OSError:
            continue
        if str(data_dir / "lock") in links:
            found.append(int(directory.name))
    return found


def worker_of(data_dir: Path) -> int | None:
    for pid in processes_of(data_dir):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since it was listed
        if line[-2:] == [b"worker", b""] and b"supervisor.py" not in b" ".join(line):
            return pid
    return None


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Up]:
    up = await start_up(tmp_path / "data", tmp_path / "up.log", "--demo")
    try:
        await eventually(lambda: "All decided" in up.log.read_text(), up, "the demo is decided")
        yield up
    finally:
        if up.process.returncode is None:
            up.process.kill()
            await up.process.wait()


async def check_later_news(demo: Up, last_purchase: str) -> None:
    """What came of created orders later: fewer units, and buyers who ask to cancel."""
    day = datetime.fromisoformat(last_purchase).replace(hour=0, minute=0, second=0, microsecond=0)
    orders = Day(day, make_stores(day), Catalog(day)).orders()
    for news, event_type in {
        Change.PARTLY_CANCELED: "CommerceOrderAmended",
        Change.CANCEL_REQUESTED: "CommerceOrderCancellationRequested",
    }.items():
        order = next(one for one in orders if one.change is news)
        history = await demo.json("explain", order.order_id)
        told = [event for entry in history["history"] for event in entry["events"]]
        assert event_type in {event["event_type"] for event in told}


async def test_the_demo_shows_every_outcome_and_up_leaves_nothing(demo: Up) -> None:
    orders = await demo.json("orders", "--limit", "1000")
    assert 350 <= len(orders) <= 500
    assert {order["state"] for order in orders} == set(ImportState)
    reasons = {reason for order in orders for reason in order["reasons"]}
    blockers = {BlockerCode.NOT_IN_CATALOG, BlockerCode.DISABLED, BlockerCode.OUT_OF_STOCK}
    assert reasons == {*blockers, *WaitingReason, *SkipReason}
    causes = {tuple(sorted(order["reasons"])) for order in orders if order["state"] == "blocked"}
    singles = {(code.value,) for code in blockers}
    assert singles < causes
    assert tuple(sorted(blockers)) in causes
    made = Counter((order["channel"], order["commerce_status"]) for order in orders)
    assert made["MFN", "processing"]
    assert made["MFN", "complete"]
    assert made["MFN", "canceled"]
    assert made["AFN", "complete"]
    await check_later_news(
        demo, max(order["purchase_date"] for order in orders if order["purchase_date"])
    )
    status = await demo.json("status")
    assert set(status["dead_letters"]) == {
        DeadLetterCode.MALFORMED_JSON,
        DeadLetterCode.UNKNOWN_PAYLOAD,
        DeadLetterCode.INVALID_ORDER,
        DeadLetterCode.UNKNOWN_STORE,
        DeadLetterCode.STORE_MISMATCH,
        DeadLetterCode.TOO_LARGE,
    }
    assert "Nordlicht Outdoor" in status["system_message"]

    refused = await demo.cli("up", status=1)
    assert "is in use by process" in refused

    killed = worker_of(demo.data_dir)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await eventually(
        lambda: worker_of(demo.data_dir) not in {None, killed}, demo, "a new worker is there"
    )
    await demo.cli("send", "stores", str(ROOT / "examples" / "stores.json"))

    async def decided() -> bool:
        told = await demo.json("status")
        return not sum(topic["undecided"] + topic["unpublished"] for topic in told["lag"])

    await eventually(decided, demo, "the new worker works")

    demo.process.send_signal(signal.SIGTERM)
    assert await demo.process.wait() == 0
    assert processes_of(demo.data_dir) == []
    assert not (demo.data_dir / "addresses.env").exists()

    # The data is still there, and the same traffic once more changes nothing.
    again = await start_up(
        demo.data_dir, demo.log.with_name("again.log"), "--demo", "--exit-when-done"
    )
    assert await again.process.wait() == 0, again.log.read_text()
    assert tables(again.log) == tables(demo.log)
    assert processes_of(demo.data_dir) == []


def tables(log: Path) -> list[str]:
    """The final summary: everything with a number in it, but how long it took."""
    text = log.read_text().partition("All decided")[2].partition("Now try")[0]
    return re.findall(r"^│.*\d.*│$|^Dead letters.*$", text, re.MULTILINE)


async def test_a_killed_up_leaves_no_orphan(tmp_path: Path) -> None:
    up = await start_up(tmp_path / "data", tmp_path / "up.log")
    await eventually(lambda: worker_of(up.data_dir) is not None, up, "a worker is there")
    up.process.kill()
    await up.process.wait()
    await eventually(lambda: not processes_of(up.data_dir), up, "all its processes are gone")


async def test_ctrl_c_while_it_starts(tmp_path: Path) -> None:
    up = await start_up(tmp_path / "data", tmp_path / "up.log")
    await eventually(lambda: bool(processes_of(up.data_dir)), up, "it has begun")
    await eventually(lambda: "starting" in up.log.read_text(), up, "it says so")
    up.process.send_signal(signal.SIGINT)
    assert await up.process.wait() == 0, up.log.read_text()
    assert processes_of(up.data_dir) == []
