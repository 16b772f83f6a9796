"""What must be true of a world at rest: stored, told, and nothing else; and how it ended."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from models.amazon_order import AmazonStatus
from models.outcome import Blocked, Skipped, Waiting, Withdrawn
from models.topics import TopicName
from streams.messages import encode
from tests.builders import SOURCE
from tests.fakes.memory_contents import Contents
from tests.model.end import End, OrderEnd, events_by_order
from tests.model.messages import START, AnyMessage, News, ProductTold, StockTold, StoreTold
from tests.simulation.invariants import check_nothing_is_left, check_nothing_is_lost, check_stock
from tests.simulation.log import Log

OUT = (TopicName.COMMERCE_ORDERS, TopicName.BLOCKED, TopicName.NOT_IMPORTED)
_ORIGIN = tuple(f"__connect.errors.{part}" for part in ("topic", "partition", "offset"))


def end_of(contents: Contents, log: Log, told: Sequence[AnyMessage]) -> End:
    """Judge what is stored and what is on Kafka, each event once; say how it ended.

    Raises:
        AssertionError: Something of it is not so.
    """
    check_stock(contents)
    check_nothing_is_left(contents)
    check_nothing_is_lost(contents, sum(isinstance(one, News) for one in told))
    _check_heard(contents, told)
    _check_letters(contents, log)
    events = events_by_order(_events(log))
    kept = events_by_order(event.body for event in contents.events.values())
    assert events == kept, "what is kept is what was told"
    reserved = {key: one.reserved for key, one in contents.stock_items.items() if one.reserved}
    return End(_orders(contents), reserved, events)


def _check_heard(contents: Contents, told: Sequence[AnyMessage]) -> None:
    """Of everything that was told, what is newest is what is known (rule 15)."""
    for one in told:
        match one:
            case News(store, order, form, updated=updated) if form != "items":
                of_all = contents.orders.values()
                records = [each for each in of_all if each.order.amazon_order_id == order]
                assert len(records) == 1, f"{order} is stored {len(records)} times"
                record = records[0]
                if record.store_id != store:
                    continue  # rule 22: refused, or moved from a store that was not known
                canceled = record.order.status is AmazonStatus.CANCELED
                assert canceled or _is_known(updated, record.order.last_update_date), one
            case ProductTold(sku=sku, as_of=as_of):
                product = contents.products.get(sku)
                assert product is not None, f"{sku} was never heard of"
                assert _is_known(as_of, product.as_of), one
            case StockTold(stock=stock, sku=sku, as_of=as_of):
                kept = contents.stock_items.get(f"{stock}/{sku}")
                assert kept is not None, f"{sku} was never counted in {stock}"
                assert kept.item is not None, f"{sku} was never counted in {stock}"
                assert _is_known(as_of, kept.item.as_of), one
            case StoreTold(store=store, updated=updated):
                assert store in contents.stores, f"{store} was never heard of"
                assert _is_known(updated, contents.stores[store].updated_at), one
            case _:
                pass


def _is_known(told: int | None, known: datetime | None) -> bool:
    return told is None or (known is not None and known >= START + timedelta(minutes=told))


def _orders(contents: Contents) -> dict[str, OrderEnd]:
    status_of = {one.key: one.status.value for one in contents.commerce_orders.values()}
    orders = {}
    for key, record in contents.orders.items():
        outcome, status = record.outcome, record.order.status
        reasons: frozenset[object] = frozenset()
        if isinstance(outcome, Blocked):
            reasons = frozenset((one.code.value, one.sku, one.stock_id) for one in outcome.blockers)
        elif isinstance(outcome, Waiting | Skipped | Withdrawn):
            missing = outcome.missing if isinstance(outcome, Waiting) else ()
            reasons = frozenset({outcome.reason.value, *(detail.value for detail in missing)})
        orders[key] = (
            type(outcome).__name__.lower(),
            reasons,
            None if status is None else status.value,
            status_of.get(key),
            record.ignored,
        )
    return orders


def _events(log: Log) -> list[bytes]:
    """Give the events as a consumer takes them that drops copies by their id."""
    bodies: dict[bytes, bytes] = {}
    for source, records in log.partitions.items():
        if source.topic not in OUT:
            continue
        last: dict[bytes | None, int] = defaultdict(int)
        for record in records:
            name, body = dict(record.headers)["ce_id"] or b"", record.value or b""
            if name in bodies:
                assert bodies[name] == body, f"{name.decode()} came with other bytes"
                continue
            bodies[name] = body
            number = json.loads(body)["sequence"]
            assert number > last[record.key], f"{record.key!r}: {number} after {last[record.key]}"
            last[record.key] = number
    return list(bodies.values())


def _check_letters(contents: Contents, log: Log) -> None:
    found: dict[str, tuple[bytes | None, bytes | None]] = {}
    for source, records in log.partitions.items():
        for record in records if source.topic == TopicName.DEAD_LETTER else ():
            headers = dict(record.headers)
            name = ":".join((headers[part] or b"").decode() for part in _ORIGIN)
            came = record.key, record.value
            assert found.setdefault(name, came) == came, f"{name} has other bytes"
    kept = contents.dead_letters
    assert found.keys() == kept.keys(), f"dead letters: {sorted(found)}, kept {sorted(kept)}"
    for name, dead_letter in kept.items():
        assert found[name] == encode(dead_letter, SOURCE)[1:3], f"{name} has other bytes"
