"""What the benchmarks make of what they measured."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench import contest_table, growth, latency, million, report
from bench.__main__ import run
from bench.contest import Result
from bench.contest_table import ratios
from bench.growth import HOT
from bench.latency import Latency
from bench.million import Stage, Way
from bench.plan import PARTS, Options, Part
from bench.recheck import Recheck
from bench.report import Bar, Report, replace_block, replace_rows
from bench.servers import Servers
from bench.stacks import Frame, part_of
from bench.working import Cost
from bench.workload import HOT_PRODUCTS, change, hot_demand, orders, products

DOCUMENT = """# Figures

<!-- bars: generated -->
| what | least |
|---|---:|
| rate | 1 |
| memory | 2 |
<!-- bars: end -->

<!-- latency: generated -->
an old table
<!-- latency: end -->
"""


def a_result(name: str, rate: float, cpu: float = 0.0) -> Result:
    return Result(name, 1000, 1000 / rate, 900, 80, 20, 0, cpu, 0.0, 0.0, 0.0)


def a_cost(name: str, rate: float, total: float = 300.0, aborted: int = 0) -> Cost:
    return Cost(name, 1000, 1000 / rate, total / 3, total / 3, total / 3, 100.0, aborted)


def a_stage(stored: int, total: float, memory: float) -> Stage:
    return Stage(stored, memory, 0.0, 0.0, 0.0, [a_cost("portion", 1000, total)])


def test_rates_are_compared_within_each_round() -> None:
    results = [a_result("ours", 100), a_result("quix", 50), a_result("ours", 60)]
    results += [a_result("quix", 60)]
    assert ratios(results, "quix") == [2.0, 1.0]


def test_a_contest_of_some_compares_only_those() -> None:
    bars = contest_table.find_bars([a_result("ours", 100), a_result("quix", 50)])
    assert [bar.what for bar in bars] == ["rate, to Quix Streams"]


def test_each_bar_is_met_on_its_own_side_only() -> None:
    contest = [
        a_result("ours", 1500, cpu=64),
        a_result("before", 1000, cpu=100),
        a_result("reference", 1000),
        a_result("faust", 101),
        a_result("faststream", 1000),
        a_result("quix", 900),
    ]
    latencies = [
        Latency("this program", 200, [31.0]),
        Latency("bare", 200, [10.0]),
        Latency("before", 200, [80.0]),
    ]
    workers = [
        a_cost("1 worker" + HOT, 100),
        a_cost("2 workers" + HOT, 101, aborted=7),
        a_cost("4 workers" + HOT, 94),
    ]
    stages = [
        a_stage(10_000, 1000.0, 100.0),
        a_stage(100_000, 1000.0, 100.0),
        a_stage(1_000_000, 1160.0, 109.0),
    ]
    bars = [
        *contest_table.find_bars(contest),
        *latency.find_bars(latencies),
        *million.find_bars(Way(stages, 109.0, 1.0)),
        *Recheck("release", 1, 79.0, 100.0, "").to_report().bars,
        *Recheck("replay", 1, 81.0, 100.0, "").to_report().bars,
        *growth.find_bars(workers),
    ]
    assert {bar.what: bar.met for bar in bars} == {
        "rate, to this program at f08a8a3": True,
        "rate, to the plain aiokafka loop": True,
        "rate, to Faust as its guide has it": False,
        "rate, to FastStream": True,
        "rate, to Quix Streams": True,
        "CPU an order, to this program at f08a8a3": True,
        "latency p50, to this program at f08a8a3": False,
        "latency p99, to this program at f08a8a3": True,
        "latency p99, to Kafka and one write alone": False,
        "cost per order at 1,000,000 stored, to 10,000": False,
        "memory after 1,000,000 orders, to 100,000": True,
        "release, to the fresh rate": False,
        "replay, to the fresh rate": True,
        "two workers on hot products, to one": True,
        "four workers on hot products, to one": False,
    }
    assert "7 conflicts" in bars[-2].detail


def test_a_shorter_way_has_no_bars() -> None:
    assert list(million.find_bars(Way([a_stage(10_000, 1.0, 1.0)], 1.0, 1.0))) == []


def test_a_block_is_replaced_and_the_others_stay() -> None:
    written = replace_block(DOCUMENT, "latency", r"a \1 new table")
    assert written == DOCUMENT.replace("an old table", r"a \1 new table")
    assert replace_block(DOCUMENT, "console", "a table") == DOCUMENT


def test_a_row_is_replaced_by_its_first_cell_and_the_others_stay() -> None:
    written = replace_rows(DOCUMENT, "bars", ["| memory | 3 |", "| latency | 4 |"])
    assert written == DOCUMENT.replace("| memory | 2 |", "| memory | 3 |\n| latency | 4 |")


def test_the_documents_have_a_block_for_every_table() -> None:
    names = {
        name
        for document in report.DOCUMENTS
        for name in re.findall("<!-- (.*): end -->", document.read_text(encoding="utf-8"))
    }
    shared = {"release", "replay", "shadow"}  # rows of `again` and `bars`
    assert names == set(PARTS) - shared | {"again", "bars", "scaling"}
    for document in report.DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for name in names:
            changed = replace_block(text, name, "new")
            assert (changed != text) == (f"<!-- {name}: generated -->" in text)


async def test_a_part_that_fails_leaves_its_tables_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = tmp_path / "performance.md"
    document.write_text(DOCUMENT, encoding="utf-8")
    monkeypatch.setattr(report, "DOCUMENTS", (document,))

    async def fail(_on: Servers, _options: Options) -> Report:
        raise ValueError

    async def succeed(_on: Servers, _options: Options) -> Report:
        await asyncio.sleep(0)
        return Report({}, [Bar("rate", "≥ 1", 2.0, met=True, detail="")])

    @asynccontextmanager
    async def no_servers() -> AsyncIterator[Servers]:
        await asyncio.sleep(0)
        yield Servers("", "", "rust", tmp_path, 0, 0)

    monkeypatch.setattr("bench.__main__.servers", no_servers)
    monkeypatch.setitem(PARTS, "latency", Part(1, fail))
    monkeypatch.setitem(PARTS, "contest", Part(1, succeed))
    assert await run(["latency", "contest"], Options(), is_written=True) == ["latency"]
    written = document.read_text(encoding="utf-8")
    assert "an old table" in written
    assert "| rate | ≥ 1 | 2.00 | met |" in written


def test_the_innermost_frame_with_a_part_says_what_a_sample_was_for() -> None:
    processor = Frame("TopicProcessor._decide", "streams/processor.py")
    model = Frame("BaseModel.model_construct", "pydantic/main.py")
    assert (
        part_of([processor, Frame("check_order", "handlers/rules/check_order.py"), model])
        == "decide"
    )
    assert (
        part_of([processor, Frame("ImportPolicyHandler.parse", "handlers/import_policy.py"), model])
        == "decode"
    )
    assert (
        part_of(
            [processor, Frame("order_from_document", "storage/documents/order_record.py"), model]
        )
        == "gather"
    )
    assert (
        part_of([processor, Frame("order_to_document", "storage/documents/order_record.py"), model])
        == "write"
    )
    assert part_of([Frame("MongoClient.bulk_write", "pymongo/x.py"), model]) == "write"
    assert part_of([Frame("Agent.start", "faust/agents/agent.py"), model]) == "Faust"
    assert part_of([Frame("run", "asyncio/runners.py"), model]) == "rest"


def test_hot_products_run_out_near_the_end() -> None:
    count = 4000
    demand = 0
    for record in orders(count, hot=True):
        for part in record.value.split(b'"seller_sku": "SKU-')[1:]:
            if int(part.split(b'"')[0]) in HOT_PRODUCTS:
                demand += int(part.split(b'"quantity": ')[1].split(b",")[0])
    stock = hot_demand(count, 0.9) * len(HOT_PRODUCTS)
    assert 0.8 * demand < stock < demand


def test_a_changed_message_keeps_the_rest_and_another_sku_is_another_key() -> None:
    product = next(products(count=1))
    changed = change(product, sku="X", enabled=True)
    assert (changed.key, product.key) == (b"X", b"SKU-0")
    assert b'"name": "Product 0"' in changed.value
