"""The metrics of a worker and of a console that run, as Prometheus reads them."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from models.topics import TopicName
from order_import.devtools.embedded.process import HOST
from tests.integration.kit import System
from tests.integration.test_cold_start import free_port
from tests.integration.wire import item, order, product, store

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def read(port: int) -> Samples:
    """Read the metrics that are served on a port; none while nobody answers there."""
    try:
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.get(f"http://{HOST}:{port}/metrics")
    except httpx.TransportError:
        return {}
    return {
        (sample.name.removeprefix("order_import_"), tuple(sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.raise_for_status().text)
        for sample in family.samples
    }


async def test_a_worker_and_a_console_show_what_happens(system: System) -> None:
    of_worker, of_console = free_port(), free_port()
    await system.start_worker(worker_health_port=of_worker)
    console = ("-m", "order_import", "console")
    await system.start_worker(*console, console_port=free_port(), console_metrics_port=of_console)
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())

    async def is_stored() -> bool:
        return await system.db.products.find_one({"_id": "LAMP"}) is not None

    await system.eventually(is_stored, "the product is stored")
    await system.publish(TopicName.ORDERS, order(1), order(2, items=[item("NOWHERE")]), b"{")

    async def is_counted() -> bool:
        samples = await read(of_worker)
        return bool(
            samples.get(("event_delay_seconds_count", (("topic", "amazon.orders"),))) == 3
            and samples[("messages_total", (("result", "decided"), ("topic", "amazon.orders")))]
            == 2
            and samples[("dead_letters_total", (("code", "malformed-json"),))] == 1
            and samples[("decisions_total", (("outcome", "created"), ("reason", "")))] == 1
            and samples[("worker_ready", ())] == 1
            and samples[("server_up", (("server", "mongodb"),))] == 1
        )

    await system.eventually(is_counted, "the worker's metrics count three messages")

    async def is_shown() -> bool:
        samples = await read(of_console)
        return bool(
            samples.get(("orders", (("state", "created"), ("store", "us")))) == 1
            and samples[("blocked_orders", (("reason", "not-in-catalog"),))] == 1
            and samples[("dead_letters_open", (("code", "malformed-json"),))] == 1
            and samples[("lag", (("topic", "amazon.orders"),))] == 0
            and samples[("workers", ())] == 1
        )

    await system.eventually(is_shown, "the console's metrics show the three messages")
