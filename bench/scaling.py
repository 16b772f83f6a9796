"""The table of `docs/scaling.md`: what was measured, laid on 10 and 1,000 times the load."""

from statistics import median

from bench.bars import Kept

_DAY = 86_400
_LOADS = ((1, "as measured"), (10, "10 times"), (1_000, "1,000 times"))


def as_markdown(found: Kept) -> str | None:
    """Give the table; None where the contest or the way to a million orders was not measured."""
    ours = [one for one in found.contest if one.name == "ours"]
    if not ours or found.way is None:
        return None
    rate = median(one.rate for one in ours)
    cpu = [median(getattr(one, f"cpu_{part}") for one in ours) for part in ("worker", "mongo")]
    kafka = median(one.cpu_kafka for one in ours)
    last = found.way.stages[-1]
    first = found.way.stages[0]
    orders = last.stored - first.stored
    mongo = (last.mongo_disk - first.mongo_disk) / orders * 1e6
    log = (last.kafka_disk - first.kafka_disk) / orders * 1e6
    rows = [
        (
            f"Measured: {rate:,.0f} orders/s with one worker, all servers on the same two cores; "
            f"{cpu[0]:,.0f} µs of CPU an order in the worker, {cpu[1]:,.0f} in the database, "
            f"{kafka:,.0f} in Kafka; {mongo / 1000:,.1f} kB an order on the database's disk, "
            f"{log / 1000:,.1f} kB on Kafka's, one copy of each."
        ),
        "",
        (
            "| load | orders/s | orders a day | cores: worker / MongoDB / Kafka "
            "| disk a day: MongoDB / Kafka |"
        ),
        "|---|---:|---:|---:|---:|",
    ]
    for times, title in _LOADS:
        cores = [times * rate * one / 1e6 for one in (*cpu, kafka)]
        disk = [times * rate * _DAY * one / 1e9 for one in (mongo, log)]
        rows.append(
            f"| {title} | {times * rate:,.0f} | {times * rate * _DAY / 1e6:,.0f} million "
            f"| {' / '.join(f'{one:,.1f}' for one in cores)} "
            f"| {' / '.join(f'{one:,.0f}' for one in disk)} GB |"
        )
    return "\n".join(rows)
