"""Routing: which store each order of a batch belongs to, and which orders belong to none.

An Amazon order is one order in the whole installation, whatever store a message names (rule 22).
"""

from collections.abc import Iterable, Mapping, Sequence

from handlers.payloads import ParseResult
from handlers.payloads.result import join_problems, quote_id
from handlers.rules.stores import StoreMismatch, choose_store, name_store
from handlers.unit_of_work import UnitOfWork
from models.amazon_order import AmazonOrder
from models.messages import DeadLetterCode, Incoming, Rejection, header
from models.reference_data import Store

Orders = tuple[Incoming, ParseResult]
"""A message and its orders."""
RoutedOrder = tuple[str, AmazonOrder, Incoming]
"""A store id, an order of that store, and the message it came in."""

_EXPECTED = (
    "store-id: expected a header, a store_id in the body, or a seller and marketplace that belong "
    "to exactly one store"
)


def route(
    parsed: Sequence[Orders], holders: Mapping[str, str], unit_of_work: UnitOfWork
) -> list[RoutedOrder]:
    """Return each order with its store, in the order of the messages.

    A message with orders that belong to no store, or to another store than it was sent for, gets
    one dead letter. `holders` has the store of each Amazon order that is recorded; an order may
    move away from an unknown store. An order's details may come before it in the same batch.
    """
    stores = unit_of_work.stock.stores
    named = [
        (name_store(order, _store_header(message), stores), order, message)
        for message, result in parsed
        for order in result.orders
    ]
    holder_of = dict(holders)
    first_named: dict[str, str] = {}
    for store, order, _ in named:
        if store is not None:
            first_named.setdefault(order.amazon_order_id, store.store_id)
    routed: list[RoutedOrder] = []
    # The partition is part of the key: each partition counts its own offsets.
    refused: dict[tuple[int, int], list[tuple[AmazonOrder, StoreMismatch | None]]] = {}
    for store, order, message in named:
        order_id = order.amazon_order_id
        chosen = choose_store(store, holder_of.get(order_id), stores)
        if chosen is None:
            chosen = first_named.get(order_id)
        if isinstance(chosen, str):
            holder_of[order_id] = chosen
            routed.append((chosen, order, message))
        else:
            refused.setdefault(_place(message), []).append((order, chosen))
    for message, result in parsed:
        if _place(message) in refused:
            _refuse(unit_of_work, message, result.refusal, refused[_place(message)])
        elif result.refusal is not None:
            unit_of_work.dead_letter(message, result.refusal)
    return routed


def named_stores(parsed: Sequence[Orders], stores: Mapping[str, Store]) -> set[str]:
    """Return the ids of the stores that these messages name, or of all if they have one stock."""
    if len({store.stock_id for store in stores.values()}) == 1:
        return set(stores)
    named = (
        name_store(order, _store_header(message), stores)
        for message, result in parsed
        for order in result.orders
    )
    return {store.store_id for store in named if store is not None}


def _refuse(
    unit_of_work: UnitOfWork,
    message: Incoming,
    refusal: Rejection | None,
    orders: Sequence[tuple[AmazonOrder, StoreMismatch | None]],
) -> None:
    """Add the one dead letter of a message, with everything that is wrong with it."""
    storeless = [order for order, mismatch in orders if mismatch is None]
    problems = [
        *([] if refusal is None else [refusal.message]),
        *([_no_store(message, storeless, unit_of_work.stock.stores)] if storeless else []),
        *_mismatches(orders),
    ]
    code = DeadLetterCode.UNKNOWN_STORE if storeless else DeadLetterCode.STORE_MISMATCH
    unit_of_work.dead_letter(
        message,
        Rejection(code=refusal.code if refusal is not None else code, message="; ".join(problems)),
        details_of=_waits_for(storeless[0]) if storeless and refusal is None else None,
    )


def _mismatches(orders: Iterable[tuple[AmazonOrder, StoreMismatch | None]]) -> list[str]:
    problems = [
        f"order {quote_id(order.amazon_order_id)}: store {quote_id(mismatch.holder)} has it, and "
        f"it was sent for store {quote_id(mismatch.sent_for)}"
        for order, mismatch in orders
        if mismatch is not None
    ]
    return [join_problems(problems)] if problems else []


def _no_store(message: Incoming, orders: Iterable[AmazonOrder], stores: Mapping[str, Store]) -> str:
    problems = [
        f"order {quote_id(order.amazon_order_id)}: {_why_no_store(message, order, stores)}"
        for order in orders
    ]
    return f"{join_problems(problems)}; {_EXPECTED}"


def _why_no_store(message: Incoming, order: AmazonOrder, stores: Mapping[str, Store]) -> str:
    store_id = _store_header(message)
    if store_id is not None:
        return f"the header {quote_id(store_id)} is no store's id"
    if order.marketplace_id is None:
        return "it names neither a store nor a marketplace"
    matching = sorted(
        store.store_id for store in stores.values() if store.marketplace_id == order.marketplace_id
    )
    whose = f"stores {join_problems(matching, ', ')} have" if matching else "no known store has"
    return f"{whose} its marketplace {quote_id(order.marketplace_id)}"


def _waits_for(order: AmazonOrder) -> str | None:
    """Return the id of the order if the body only adds details to it (items, address, buyer)."""
    only_details = order.status is None and order.last_update_date is None
    return order.amazon_order_id if only_details else None


def _store_header(message: Incoming) -> str | None:
    return header(message.headers, "store-id") if message.headers else None


def _place(message: Incoming) -> tuple[int, int]:
    return message.partition, message.offset
