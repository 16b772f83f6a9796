"""Newer wins: what is known of an order, and one more message about it (rules 15 and 18)."""

from models.amazon_order import MAX_LINES, AmazonOrder, AmazonStatus, OrderItem


def is_older(news: AmazonOrder, known: AmazonOrder) -> bool:
    """Say whether the news is older than what is known and so changes nothing (rule 15).

    Compared are the time of the last update, then the order of statuses. A body that only adds
    details has no such time and is never older. Canceled is final: nothing that speaks of the
    order's status is newer than it.
    """
    if news.status is None and news.last_update_date is None:
        return False
    if known.status is AmazonStatus.CANCELED:
        return news.status is not AmazonStatus.CANCELED or _older(news, known)
    return _older(news, known)


def _older(news: AmazonOrder, known: AmazonOrder) -> bool:
    if news.last_update_date is None or known.last_update_date is None:
        return False
    if news.last_update_date != known.last_update_date:
        return news.last_update_date < known.last_update_date
    if news.status is None or known.status is None:
        return False
    return news.status.rank < known.status.rank


def merge(known: AmazonOrder, news: AmazonOrder) -> AmazonOrder:
    """Add what the news tells to what is known. What the news leaves out stays."""
    told = {
        name: value
        for name in AmazonOrder.model_fields
        if name not in _MERGED_APART and (value := getattr(news, name)) not in (None, ())
    }
    items = _merge_items(known, news)
    strangers = not news.items_complete and len(items) > len(known.items)
    complete = news.items_complete or (known.items_complete and not strangers)
    told["items_complete"] = complete and not _cut_off(news, items)
    told["items"] = items = _with_request(known, news, items)
    requested = {item.buyer_requested_cancel for item in items} - {None}
    if requested:
        told["buyer_requested_cancel"] = True in requested
    return known.model_copy(update=told)


_MERGED_APART = {"store_id", "items", "items_complete"}


def _merge_items(known: AmazonOrder, news: AmazonOrder) -> tuple[OrderItem, ...]:
    if not news.items:
        # A whole order that says it has no lines has none; anything else just left them out.
        return () if news.items_complete and news.status is not None else known.items
    before = {item.order_item_id: item for item in known.items}
    merged = {item.order_item_id: _merge_item(before, item) for item in news.items}
    if news.items_complete and news.status is not None:
        return tuple(merged.values())
    # A notification, or one page of items: the lines it does not name are still there. An order
    # that grows without end is cut off, and is never complete (see `merge`).
    return tuple((before | merged).values())[:MAX_LINES]


def _cut_off(news: AmazonOrder, items: tuple[OrderItem, ...]) -> bool:
    if len(items) < MAX_LINES:
        return False
    kept = {item.order_item_id for item in items}
    return any(item.order_item_id not in kept for item in news.items)


def _merge_item(before: dict[str, OrderItem], item: OrderItem) -> OrderItem:
    known = before.get(item.order_item_id)
    if known is None:
        return item
    kept = {
        name: value
        for name in OrderItem.model_fields
        if getattr(item, name) is None and (value := getattr(known, name)) is not None
    }
    if item.buyer_requested_cancel is False:
        kept.pop("cancel_reason", None)
    return item.model_copy(update=kept) if kept else item


def _with_request(
    known: AmazonOrder, news: AmazonOrder, items: tuple[OrderItem, ...]
) -> tuple[OrderItem, ...]:
    """Put a cancellation request of the whole order on each of its lines (rule 6).

    It may be told with no lines: of those that are known, or before any is.
    """
    told = news.buyer_requested_cancel
    if news.items:
        told = None if known.items else known.buyer_requested_cancel
    if told is None:
        return items
    return tuple(
        item
        if news.items and item.buyer_requested_cancel is not None
        else item.model_copy(update={"buyer_requested_cancel": told})
        for item in items
    )
