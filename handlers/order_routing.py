"""Routing: which order each part of a batch's messages is of, and what belongs to none.

An Amazon order is one order in the whole installation, whatever store a message names (rule 22).
"""

from collections.abc import Iterable, Mapping, Sequence

from handlers.payloads import ParseResult
from handlers.payloads.result import joined, quoted
from handlers.rules.stores import StoreMismatch, choose_store, name_store
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.amazon_order import AmazonOrder
from models.messages import DeadLetterCode, Incoming, Rejection, header
from models.reference_data import Store

Orders = tuple[Incoming, ParseResult]
"""A message and the orders it tells of."""
News = tuple[str, AmazonOrder, Incoming]
"""A `store/order` key, what is told of that order, and the message that tells it."""

_EXPECTED = (
    "store-id: expected a header, a store_id in the body, or a seller and marketplace that belong "
    "to exactly one store"
)


def route(
    parsed: Sequence[Orders],
    holders: Mapping[str, str],
    stores: Mapping[str, Store],
    unit_of_work: UnitOfWork,
) -> list[News]:
    """Return each order with its key, in the order of the messages.

    What belongs to no store, or to another one than it was sent for, is one dead letter for each
    message. `holders` has the store of each Amazon order that is recorded; an order may move from
    one that is not known. An order's details may come before it in the same batch.
    """
    named = [
        (name_store(order, _store_header(message), stores), order, message)
        for message, reading in parsed
        for order in reading.orders
    ]
    holder_of = dict(holders)
    first_named: dict[str, str] = {}
    for store, order, _ in named:
        if store is not None:
            first_named.setdefault(order.amazon_order_id, store.store_id)
    news: list[News] = []
    # A message is named by its partition too: each counts its own offsets.
    refused: dict[tuple[int, int], list[tuple[AmazonOrder, StoreMismatch | None]]] = {}
    for store, order, message in named:
        order_id = order.amazon_order_id
        chosen = choose_store(store, holder_of.get(order_id), stores)
        if chosen is None:
            chosen = first_named.get(order_id)
        if isinstance(chosen, str):
            holder_of[order_id] = chosen
            news.append((keys.order_key(chosen, order_id), order, message))
        else:
            refused.setdefault(_place(message), []).append((order, chosen))
    for message, reading in parsed:
        if _place(message) in refused:
            _refuse(unit_of_work, message, reading.refusal, refused[_place(message)], stores)
        elif reading.refusal is not None:
            unit_of_work.dead_letter(message, reading.refusal)
    return news


def _refuse(
    unit_of_work: UnitOfWork,
    message: Incoming,
    refusal: Rejection | None,
    orders: Sequence[tuple[AmazonOrder, StoreMismatch | None]],
    stores: Mapping[str, Store],
) -> None:
    """Add the one dead letter of a message, whatever else is wrong with it."""
    storeless = [order for order, mismatch in orders if mismatch is None]
    problems = [
        *([] if refusal is None else [refusal.message]),
        *([_no_store(message, storeless, stores)] if storeless else []),
        *_mismatches(orders),
    ]
    code = DeadLetterCode.UNKNOWN_STORE if storeless else DeadLetterCode.STORE_MISMATCH
    unit_of_work.dead_letter(
        message,
        Rejection(code=refusal.code if refusal is not None else code, message="; ".join(problems)),
        details_of=_waits_for(storeless[0]) if storeless and refusal is None else None,
    )


def _mismatches(orders: Iterable[tuple[AmazonOrder, StoreMismatch | None]]) -> list[str]:
    told = [
        f"order {quoted(order.amazon_order_id)}: store {quoted(mismatch.holder)} has it, and it "
        f"was sent for store {quoted(mismatch.sent_for)}"
        for order, mismatch in orders
        if mismatch is not None
    ]
    return [joined(told)] if told else []


def _no_store(message: Incoming, orders: Iterable[AmazonOrder], stores: Mapping[str, Store]) -> str:
    """Say which orders of a message belong to no store, and why."""
    which = [
        f"order {quoted(order.amazon_order_id)}: {_why_no_store(message, order, stores)}"
        for order in orders
    ]
    return f"{joined(which)}; {_EXPECTED}"


def _why_no_store(message: Incoming, order: AmazonOrder, stores: Mapping[str, Store]) -> str:
    told = _store_header(message)
    if told is not None:
        return f"the header {quoted(told)} is no store's id"
    if order.marketplace_id is None:
        return "it names neither a store nor a marketplace"
    there = [one.store_id for one in stores.values() if one.marketplace_id == order.marketplace_id]
    known = f"stores {joined(sorted(there), ', ')} have" if there else "no known store has"
    return f"{known} its marketplace {quoted(order.marketplace_id)}"


def _waits_for(order: AmazonOrder) -> str | None:
    """Return the order that a body only adds details to (items, address, buyer), if it does."""
    only_details = order.status is None and order.last_update_date is None
    return order.amazon_order_id if only_details else None


def _store_header(message: Incoming) -> str | None:
    return header(message, "store-id") if message.headers else None


def _place(message: Incoming) -> tuple[int, int]:
    return message.partition, message.offset
