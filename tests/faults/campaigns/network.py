"""Faults of connections, by a proxy: cut, delayed, swallowed, cut at one request."""

import asyncio
import time

from tests.faults.installation import Installation
from tests.faults.proxy import HOST, Matcher, Proxy, is_commit, is_produce
from tests.waiting import PATIENCE


async def mongo_faults(field: Installation, each: int, port: int) -> None:
    """Between workers and MongoDB."""
    field.mongo_url = f"mongodb://{HOST}:{port}/?directConnection=true"
    proxy = Proxy(port, field.cluster.mongo_port)
    await _faults(field, proxy, "MongoDB", each, "commit", is_commit)


async def kafka_faults(field: Installation, each: int, listener: int) -> None:
    """Between workers and Kafka."""
    port, behind = field.cluster.listeners[listener]
    field.bootstrap = f"{HOST}:{port}"
    await _faults(field, Proxy(port, behind), "Kafka", each, "produce", is_produce)


async def _faults(
    field: Installation, proxy: Proxy, server: str, each: int, request: str, matches: Matcher
) -> None:
    await proxy.start()
    field.busy()
    plan = ["cut", "delayed", "swallowed", "unanswered", "unasked"] * each
    field.random.shuffle(plan)
    try:
        async with field.supervised(2):
            await field.wait_for_backlog(dict(field.load.reached))
            for fault in plan:
                await asyncio.sleep(field.random.uniform(0.1, 0.6))
                kind = await _one(field, proxy, fault, server, request, matches)
                proxy.heal()
                field.faults[kind] += 1
                await field.recovers(kind, time.monotonic())
    finally:
        await proxy.stop()


async def _one(
    field: Installation, proxy: Proxy, fault: str, server: str, request: str, matches: Matcher
) -> str:
    match fault:
        case "cut":
            proxy.cut()
            return f"{server}: all connections cut"
        case "delayed":
            proxy.delay(field.random.uniform(0.05, 1))
            await asyncio.sleep(3)
            return f"{server}: answers delayed"
        case "swallowed":
            proxy.swallow()
            await asyncio.sleep(field.random.uniform(2, 8))
            if field.random.random() < 0.5:
                proxy.cut()
            return f"{server}: black hole"
        case _:
            answered = fault == "unanswered"
            done = proxy.cut_at(matches, answered=answered)
            try:
                await asyncio.wait_for(done, PATIENCE)
            except TimeoutError:
                return f"{server}: no {request} came to be cut"
            when = "between {} and its answer" if answered else "before {} arrived"
            return f"{server}: cut {when.format(request)}"
