"""What the benchmarks make of what they measured."""

from bench.bars import Bar, Kept, all_bars, ratios
from bench.contest import Result
from bench.growth import HOT
from bench.latency import Latency
from bench.million import Stage, Way
from bench.release import Again
from bench.stacks import Frame, part_of
from bench.working import Cost
from bench.workload import HOT_PRODUCTS, change, hot_demand, orders, products


def a_result(name: str, rate: float, cpu: float = 0.0) -> Result:
    return Result(name, 1000, 1000 / rate, 0, 0, 0, 0, cpu, 0.0, 0.0, 0.0)


def a_cost(name: str, rate: float, total: float = 300.0, aborted: int = 0) -> Cost:
    return Cost(name, 1000, 1000 / rate, total / 3, total / 3, total / 3, 100.0, aborted)


def a_stage(stored: int, total: float, memory: float) -> Stage:
    return Stage(stored, memory, 0.0, 0.0, 0.0, [a_cost("portion", 1000, total)])


def the_bars(**kept: object) -> dict[str, Bar]:
    nothing: dict[str, object] = {
        "contest": (),
        "latency": (),
        "workers": (),
        "release": (),
        "replay": (),
        "way": None,
    }
    return {bar.what: bar for bar in all_bars(Kept(**(nothing | kept)))}  # type: ignore[arg-type]


def test_rates_are_compared_within_each_round() -> None:
    found = [a_result("ours", 100), a_result("quix", 50), a_result("ours", 60)]
    found += [a_result("quix", 60)]
    assert ratios(found, "quix") == [2.0, 1.0]


def test_a_bar_that_was_not_measured_is_not_met() -> None:
    assert all(bar.value is None and not bar.met for bar in the_bars().values())


def test_each_bar_is_met_on_its_own_side_only() -> None:
    contest = [
        a_result("ours", 1500, cpu=64),
        a_result("before", 1000, cpu=100),
        a_result("reference", 1000),
        a_result("faust", 101),
        a_result("faststream", 1000),
        a_result("quix", 900),
    ]
    found = the_bars(
        contest=contest,
        latency=[
            Latency("this program", 200, [31.0]),
            Latency("bare", 200, [10.0]),
            Latency("before", 200, [80.0]),
        ],
        release=[Again("release", 1, 100.0, 1, 79.0)],
        replay=[Again("replay", 1, 100.0, 1, 81.0)],
        workers=[
            a_cost("1 worker" + HOT, 100),
            a_cost("2 workers" + HOT, 101, aborted=7),
            a_cost("4 workers" + HOT, 94),
        ],
        way=Way(
            [
                a_stage(10_000, 1000.0, 100.0),
                a_stage(100_000, 1000.0, 100.0),
                a_stage(1_000_000, 1160.0, 109.0),
            ],
            (),
            1.0,
        ),
    )
    met = {what: bar.met for what, bar in found.items()}
    assert met == {
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
    assert "7 conflicts" in found["two workers on hot products, to one"].detail


def test_the_innermost_telling_frame_says_what_a_sample_was_for() -> None:
    processor = Frame("TopicProcessor._decide", "streams/processor.py")
    model = Frame("BaseModel.model_construct", "pydantic/main.py")
    assert part_of([processor, Frame("judge", "handlers/rules/check_order.py"), model]) == "decide"
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
    wanted = 0
    for record in orders(count, hot=True):
        for part in record.value.split(b'"seller_sku": "SKU-')[1:]:
            if int(part.split(b'"')[0]) in HOT_PRODUCTS:
                wanted += int(part.split(b'"quantity": ')[1].split(b",")[0])
    there = hot_demand(count, 0.9) * len(HOT_PRODUCTS)
    assert 0.8 * wanted < there < wanted


def test_a_changed_message_keeps_the_rest_and_another_sku_is_another_key() -> None:
    product = next(products(count=1))
    changed = change(product, sku="X", enabled=True)
    assert (changed.key, product.key) == (b"X", b"SKU-0")
    assert b'"name": "Product 0"' in changed.value
