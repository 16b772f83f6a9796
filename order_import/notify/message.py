"""The message: a notification as text for people, and as JSON for programs."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic_core import to_jsonable_python

from models.keys import DEFAULT_STOCK
from models.notifications import BlockingCause, Notification, NotificationKind
from models.reasons import REASONS, REMEDIES, BlockerCode
from models.skus import visible_sku
from order_import.console import urls

_TITLES: Mapping[NotificationKind, str] = {
    NotificationKind.BLOCKED: "{orders} blocked: {cause}",
    NotificationKind.MORE: "Now {orders} blocked: {cause}",
    NotificationKind.SHIP_BY: "Ship-by date {due}, {orders} blocked: {cause}",
    NotificationKind.RESOLVED: "Resolved: {cause}",
    NotificationKind.DIGEST: "{causes} of blocked orders",
}


class MessageWriter:
    """Writes notifications, with links to the console at this address."""

    def __init__(self, console_url: str) -> None:
        self._console_url = console_url.rstrip("/")

    def title(self, notification: Notification) -> str:
        """Return the subject: one line."""
        cause = notification.causes[0]
        number = len(notification.causes) + notification.more
        return _TITLES[notification.kind].format(
            orders=_count(cause.orders, "order"),
            cause=_name(cause),
            due=_due(cause.earliest_ship_by, notification.at),
            causes=_count(number, "cause"),
        )

    def text(self, notification: Notification) -> str:
        """Return the message as plain text, without its subject."""
        if notification.kind is NotificationKind.DIGEST:
            lines = [line for cause in notification.causes for line in self._entry(cause)]
            if notification.more:
                lines.append(f"and {_count(notification.more, 'cause')} more")
            lines += ["", f"All blocked orders: {self.link(notification)}"]
        else:
            lines = [*self._details(notification.causes[0], notification.at)]
        lines += ["", f"As of {_moment(notification.at)}."]
        return "\n".join(lines) + "\n"

    def link(self, notification: Notification) -> str:
        """Return the page that the message leads to: a prepared what-if, or a list of orders."""
        if notification.kind is NotificationKind.DIGEST:
            return f"{self._console_url}/blocked"
        return self._what_if(notification.causes[0])

    def to_json(self, notification: Notification) -> Mapping[str, object]:
        """Return the message for a program; `text` is what a chat shows."""
        title = self.title(notification)
        body: Mapping[str, object] = {
            "id": notification.notification_id,
            "kind": notification.kind,
            "at": notification.at,
            "title": title,
            "text": f"{title}\n\n{self.text(notification)}",
            "link": self.link(notification),
            "causes": [
                {
                    "code": cause.code,
                    "sku": cause.sku,
                    "asin": cause.asin,
                    "stock_id": cause.stock_id,
                    "similar_sku": cause.similar_sku,
                    "reason": REASONS[cause.code],
                    "remedy": REMEDIES[cause.code],
                    "orders": cause.orders,
                    "value": cause.value,
                    "earliest_ship_date": cause.earliest_ship_by,
                    "link": self._what_if(cause),
                }
                for cause in notification.causes
            ],
            "more": notification.more,
        }
        return dict(to_jsonable_python(body))

    def _details(self, cause: BlockingCause, at: datetime) -> Sequence[str]:
        lines = [f"Cause: {_name(cause)}"]
        if not cause.orders:
            return [*lines, "No order is blocked by it any more."]
        lines.append(f"Orders: {cause.orders}{_value(cause)}")
        if cause.earliest_ship_by is not None:
            due = _due(cause.earliest_ship_by, at)
            lines.append(f"Earliest ship-by: {_moment(cause.earliest_ship_by)} ({due})")
        if cause.similar_sku is not None:
            lines.append(f"The catalog has {visible_sku(cause.similar_sku)}.")
        return [*lines, f"Remedy: {REMEDIES[cause.code]}", "", self._what_if(cause)]

    def _entry(self, cause: BlockingCause) -> Sequence[str]:
        if not cause.orders:
            return [f"- Resolved: {_name(cause)}"]
        due = cause.earliest_ship_by
        by = "" if due is None else f", ship by {_moment(due)}"
        line = f"- {_count(cause.orders, 'order')}{_value(cause)}{by}: {_name(cause)}"
        return [line, f"  {self._what_if(cause)}"]

    def _what_if(self, cause: BlockingCause) -> str:
        """Return the what-if of a cause; without a SKU, which it needs, the list of the orders."""
        if cause.sku is not None:
            path = urls.query(
                "/blocked/what-if", code=cause.code, sku=cause.sku, stock=cause.stock_id
            )
        else:
            path = urls.query(
                "/orders",
                sort="ship-by",
                state="blocked",
                reason=cause.code,
                product="-",
                asin=cause.asin,
            )
        return self._console_url + path


def example(channel: str, notification_id: str, at: datetime) -> Notification:
    """Return the notification that `notify --test` sends."""
    cause = BlockingCause(BlockerCode.DISABLED, "TEST-MESSAGE", None)
    return Notification(notification_id, channel, NotificationKind.RESOLVED, at, (cause,))


def _name(cause: BlockingCause) -> str:
    if cause.sku is not None:
        item = visible_sku(cause.sku)
    else:
        item = f"a line without a SKU, ASIN {cause.asin}" if cause.asin else "a line without a SKU"
    stock = "" if cause.stock_id in {None, DEFAULT_STOCK} else f", stock {cause.stock_id}"
    return f"{REASONS[cause.code]} ({item}{stock})"


def _value(cause: BlockingCause) -> str:
    return "".join(f", {money.amount:f} {money.currency}" for money in cause.value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _due(ship_by: datetime | None, at: datetime) -> str:
    if ship_by is None:
        return "unknown"
    hours = (ship_by - at).total_seconds() / 3600
    return "has passed" if hours <= 0 else f"in {hours:.0f} h"
