"""A list sorted by what has no index: read whole, since there are few, and sorted here."""

from collections.abc import Sequence
from typing import Any

from models.order_query import Cursor, OrderQuery
from storage.console_queries import FIELD, place_of
from storage.console_search import matcher
from storage.values import Document


def ranked_of(
    found: Sequence[Document],
    query: OrderQuery,
    cursor: Cursor | None,
    *,
    forward: bool,
    limit: int,
) -> tuple[Sequence[Document], int]:
    """Give those after a place (or before it), in the query's order, and how many there are.

    Orders that lack what the list is sorted by come last.
    """
    field = FIELD[query.sort]
    way = -1 if query.descending else 1

    def rank(order: Document) -> tuple[Any, ...]:
        return (place_of(order, field), order["_id"])

    matching = list(filter(matcher(query), found))
    having = sorted((one for one in matching if place_of(one, field)), key=rank, reverse=way < 0)
    lacking = sorted(
        (one for one in matching if not place_of(one, field)), key=rank, reverse=way < 0
    )
    ordered = [*having, *lacking]
    if cursor is None:
        return (ordered[:limit] if forward else ordered[-limit:]), len(ordered)
    place = (() if cursor.at is None else (cursor.at,), cursor.key)

    def is_beyond(order: Document) -> bool:
        own = rank(order)
        if bool(own[0]) != bool(place[0]):
            return not own[0]
        return own > place if way > 0 else own < place

    if forward:
        return [one for one in ordered if is_beyond(one)][:limit], len(ordered)
    return [one for one in ordered if not is_beyond(one) and rank(one) != place][-limit:], len(
        ordered
    )
