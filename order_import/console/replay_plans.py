"""Replays between the console's words and the runner's: what is asked, and what came of it."""

from datetime import datetime, timedelta

from models.errors import BrokerUnavailable, TransientStorageError
from models.replay import Replay, ReplayResult, Selection
from order_import.console.language import gettext_noop
from order_import.console.replay_port import PlannedOrder, ReplayPlan, ReplayScope, WhatIf
from order_import.operations.assumptions import Assumptions
from order_import.operations.replay import Summary, TopicMissing

_MILLISECOND = timedelta(milliseconds=1)


def selection(scope: ReplayScope) -> Selection:
    """Give which orders a scope means."""
    return Selection(
        store_id=scope.store_id,
        reason=scope.reason,
        sku=scope.sku,
        since=scope.since,
        # An operator's end is the next day's beginning; a selection's is included.
        until=None if scope.until is None else scope.until - _MILLISECOND,
        keys=scope.orders or None,
        state=scope.state,
    )


def assumed(what_if: WhatIf | None) -> Assumptions:
    """Give what is to be taken for true."""
    if what_if is None:
        return Assumptions()
    fields: dict[str, object] = {"enabled": what_if.enabled}
    if what_if.quantity is not None:
        fields["salable_quantity"] = what_if.quantity
    return Assumptions(products={what_if.sku: fields})


def plan_of(summary: Summary) -> ReplayPlan:
    """Give what a dry run found."""
    first = summary.first
    answers = [answer for result in ReplayResult for answer in first[result]]
    return ReplayPlan(
        orders=summary.answered,
        created=summary.orders[ReplayResult.CREATED],
        still_blocked=summary.orders[ReplayResult.BLOCKED],
        blocked={
            f"{code} {sku}" if sku else code: total.orders
            for (code, sku), total in sorted(
                summary.causes.items(), key=lambda one: -one[1].orders
            )[:50]
        },
        refused=dict(summary.refusals.most_common()),
        value=summary.money,
        examples=[
            PlannedOrder(
                answer.key,
                answer.result.value,
                tuple(dict.fromkeys(reason.code for reason in answer.reasons)),
                tuple(reason.sku for reason in answer.reasons if reason.sku),
                answer.total,
            )
            for answer in answers[:40]
        ],
    )


def words(found: Replay) -> str:
    """Say which orders a replay is of."""
    asked = {name: value for name, value in found.asked.items() if name not in ("by", "orders")}
    told = [f"{name.removesuffix('_id')}: {_word(value)}" for name, value in asked.items()]
    orders = found.asked.get("orders")
    if isinstance(orders, list) and orders:
        told.append(", ".join(map(str, orders[:3])) + (" …" if len(orders) > 3 else ""))  # noqa: PLR2004 - enough to know them by
    return ", ".join(told) or "all stores"


def _word(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def said(error: Exception) -> str:
    """Say why a replay was not begun."""
    match error:
        case TopicMissing():
            return gettext_noop("A topic is missing; run: order-import init")
        case BrokerUnavailable():
            return gettext_noop("Kafka does not answer.")
        case TransientStorageError():
            return gettext_noop("MongoDB does not answer.")
        case _:
            return gettext_noop("The replay was not begun.")
