"""`explain`: one order's whole history, without what is personal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.amazon_order import AmazonOrder
from models.buyer_data import BuyerData, Erased, Retained
from models.commerce_order import CommerceLine, CommerceOrder
from models.keys import DEFAULT_STOCK
from models.labels import (
    CHARGES,
    DECISIONS,
    FIELDS,
    MISSING_DETAILS,
    RETENTION_REASONS,
    describe_match,
)
from models.order_record import HistoryEntry
from models.outcome import Blocked, MissingDetail, Waiting
from models.reasons import REASONS
from models.reference_data import Store
from models.skus import visible_sku
from order_import.cli.context import CommandRefused, query_database
from order_import.cli.options import AsJson
from order_import.cli.output import (
    STATE_STYLES,
    add_row,
    amount,
    cell,
    exact,
    in_words,
    moment,
    new_table,
    print_json,
    stdout,
)
from order_import.console.words import STATE_MEANINGS, STATES
from storage.mongo.database import MongoDatabase
from storage.queries import OrderHistory

_PERSONAL = {"buyer", "ship_to", "gifts", "packages"}
_BOOKKEEPING = {"clocks", "is_notification", "charges_told"}
"""Fields that only serve to merge messages."""


def explain(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="The Amazon order id, or store/order.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show one order's whole history: its messages, the decisions, their facts and reasons."""

    async def find(database: MongoDatabase) -> OrderHistory | None:
        reader = database.reader
        key = order if "/" in order else await reader.order_key(order)
        return None if key is None else await reader.history(key)

    history = query_database(find)
    if history is None:
        raise CommandRefused(f"no order {order} was received")
    if as_json:
        print_json(_as_json(history))
    else:
        show_history(stdout(), history)


def _as_json(history: OrderHistory) -> dict[str, Any]:
    """Return an order and its history for JSON output, in the contract's names."""
    record, order = history.record, history.commerce_order
    outcome = record.outcome
    return {
        "store_id": record.store_id,
        "store": history.store,
        **record.order.model_dump(mode="json", exclude=_PERSONAL | _BOOKKEEPING | {"store_id"}),
        **_balance(record.order),
        "received": record.received,
        "ignored": record.ignored,
        "received_at": record.received_at,
        "buyer_data": record.buyer_data,
        "import": {
            "state": outcome.state,
            "reasons": _reasons(history),
            "missing": outcome.missing if isinstance(outcome, Waiting) else (),
            "since": outcome.since if isinstance(outcome, Blocked) else None,
            "tried": outcome.tried if isinstance(outcome, Blocked) else None,
            "decided_at": record.decided_at,
            "reserves": record.pending_reservation,
        },
        "commerce_order": order and _commerce_order(order),
        "history": [_entry(entry, history) for entry in history.history],
    }


def _reasons(history: OrderHistory) -> list[object]:
    outcome = history.record.outcome
    if isinstance(outcome, Blocked):
        return [blocker.model_dump(mode="json") for blocker in outcome.blockers]
    reason = getattr(outcome, "reason", None)
    return [] if reason is None else [reason.value]


def _balance(order: AmazonOrder | CommerceOrder) -> dict[str, object]:
    prices_include_tax, unexplained = order.balance
    text = None if unexplained is None else f"{unexplained:f}"
    return {"prices_include_tax": prices_include_tax, "unexplained": text}


def _commerce_order(order: CommerceOrder) -> dict[str, object]:
    return {
        "commerce_order_id": order.commerce_order_id,
        "order_number": order.order_number,
        "status": order.status,
        "stock_id": order.stock_id,
        "created_at": order.created_at,
        "acknowledged_at": order.acknowledged_at,
        "shipped_at": order.shipped_at,
        "completed_at": order.completed_at,
        "replayed": order.replayed,
        "total": order.total,
        "charges": order.charges,
        **_balance(order),
        "programs": order.programs,
        "purchase_order_number": order.purchase_order_number,
        "latest_ship_date": order.latest_ship_date,
        "shipping_service": order.shipping_service,
        "buyer_requested_cancel": order.buyer_requested_cancel,
        "address_known": order.address_known,
        "lines": [
            {
                "sku": line.sku,
                "components": line.components,
                **line.item.model_dump(mode="json", exclude={"title"}),
            }
            for line in order.lines
        ],
        "reservations": order.reservations,
    }


def _entry(entry: HistoryEntry, history: OrderHistory) -> dict[str, object]:
    return {
        "at": entry.at,
        "what": entry.what,
        "cause": entry.cause,
        "reasons": entry.reasons,
        "facts": entry.facts,
        "events": [
            history.events.get(event_id, {"event_id": event_id}) for event_id in entry.events
        ],
    }


def show_history(console: Console, history: OrderHistory) -> None:
    """Print one order and its history."""
    state = history.record.outcome.state
    console.print(cell(f"Order {history.record.order.amazon_order_id}", "bold"))
    console.print(_header(history))
    console.print()
    console.print(_items(history))
    if (charges := _charges(history.record.order)) is not None:
        console.print(charges)
    console.print()
    console.print(cell(f"{STATES[state]}. {STATE_MEANINGS[state]}", STATE_STYLES[state]))
    for line in _why(history):
        console.print(line)
    if history.commerce_order is not None:
        commerce = history.commerce_order
        console.print(
            cell(
                f"Commerce order {commerce.order_number}: {commerce.status}, created "
                f"{moment(commerce.created_at)} UTC, id {commerce.commerce_order_id}"
            )
        )
        console.print(cell(_describe(commerce)))
    console.print()
    console.print(_history(history))


def _header(history: OrderHistory) -> Table:
    order, record = history.record.order, history.record
    name = f"{history.store.name} ({record.store_id})" if history.store else record.store_id
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for label, value in (
        ("Store", name),
        ("Settings now", _settings(history.store)),
        ("Amazon status", order.status),
        ("Channel", order.fulfillment_channel),
        ("Sold on", order.sales_channel),
        ("Purchased (UTC)", moment(order.purchase_date)),
        ("Last update (UTC)", moment(order.last_update_date)),
        ("Ship by (UTC)", moment(order.latest_ship_date)),
        ("Shipping service", order.shipping_service),
        ("Programs", ", ".join(order.programs)),
        ("Purchase order number", order.purchase_order_number),
        ("Total", amount(order.total)),
        ("Buyer requests cancellation", "yes" if order.buyer_requested_cancel else "no"),
        ("Buyer data", describe_buyer_data(record.buyer_data)),
        ("Messages", f"{record.received}, of which {record.ignored} changed nothing"),
    ):
        grid.add_row(label, cell(value))
    return grid


def describe_buyer_data(buyer_data: BuyerData | None) -> str | None:
    """Return until when buyer data is kept, and why, or when it was erased."""
    match buyer_data:
        case None:
            return None
        case Retained(expires_at, reason):
            return f"kept until {moment(expires_at)} UTC ({RETENTION_REASONS[reason]})"
        case Erased(at):
            return f"erased at {moment(at)} UTC"


def _settings(store: Store | None) -> str:
    if store is None:
        return "the store is not known yet"
    imports = "import on" if store.import_amazon_orders else "import off"
    others = "imported" if store.import_non_amazon_orders else "not imported"
    stock = "needs stock" if store.fba_requires_stock else "needs no stock"
    return (
        f"{imports}, integrated {moment(store.integrated_at)} UTC, fulfilled by Amazon {stock}, "
        f"not sold on Amazon {others}"
    )


def _describe(order: CommerceOrder) -> str:
    """Describe a Commerce order as it is now, after all amendments."""
    lines = (_line(line) for line in order.lines if line.item.quantity)
    reservations = (
        f"{reservation.quantity} of {reservation.sku}" for reservation in order.reservations
    )
    return (
        f"It has {', '.join(lines) or 'no units'}; total {amount(order.total) or 'unknown'}; "
        f"address {'known' if order.address_known else 'unknown'}; "
        f"reserves {', '.join(reservations) or 'nothing'}."
    )


def _line(line: CommerceLine) -> str:
    request = " (the buyer requests cancellation)" if line.item.buyer_requested_cancel else ""
    return f"{line.item.quantity} of {describe_match(line.match)}{request}"


def _items(history: OrderHistory) -> Table:
    columns = ("Seller SKU", "ASIN", "Quantity", "Shipped", "Price", "Tax", "Cancel request")
    table = new_table(*columns, right=("Price", "Tax"))
    for item in history.record.order.items:
        request = (item.cancel_reason or "yes") if item.buyer_requested_cancel else None
        shipped, price = item.quantity_shipped, amount(item.price)
        tax = amount(item.tax)
        add_row(table, item.seller_sku, item.asin, item.quantity, shipped, price, tax, request)
    if not history.record.order.items:
        table.add_row("no lines known yet")
    return table


def _charges(order: AmazonOrder) -> Table | None:
    """Return a table of the charges and the unexplained part; None if there is neither."""
    skus = {item.order_item_id: item.seller_sku for item in order.items}
    table = new_table("Charge", "Seller SKU", "Amount", "Tax", right=("Amount", "Tax"))
    for charge, order_item_id in order.all_charges:
        seller_sku = skus.get(order_item_id or "")
        add_row(table, CHARGES[charge.kind], seller_sku, amount(charge.amount), amount(charge.tax))
    if order.unexplained is not None:
        add_row(table, "Unexplained", None, amount(order.unexplained), None)
    return table if table.row_count else None


def _why(history: OrderHistory) -> Iterator[Text]:
    outcome = history.record.outcome
    if isinstance(outcome, Blocked):
        times = "once" if outcome.tried == 1 else f"{outcome.tried} times"
        yield cell(f"Since {moment(outcome.since)} UTC; checked {times}.")
        for blocker in outcome.blockers:
            if not blocker.required:
                yield cell(f"  {REASONS[blocker.code]} ({blocker.code})")
                yield cell(f"    → {blocker.remedy}", "cyan")
                continue
            sku = visible_sku(blocker.sku) if blocker.sku else "a line without a SKU"
            needs = f"needs {blocker.required}"
            if blocker.available is not None:
                needs += f", {blocker.available:g} available"
            if blocker.stock_id not in {None, DEFAULT_STOCK}:
                needs += f" in stock {blocker.stock_id}"
            yield cell(f"  {sku}: {REASONS[blocker.code]} ({blocker.code}; {needs})")
            if blocker.similar_sku is not None:
                yield cell(f"    The catalog has {visible_sku(blocker.similar_sku)}.")
            yield cell(f"    → {blocker.remedy}", "cyan")
    elif (reason := getattr(outcome, "reason", None)) is not None:
        yield cell(f"{REASONS[reason]} ({reason}).")
        if isinstance(outcome, Waiting) and outcome.missing:
            yield cell(f"  It waits for: {_describe_missing(outcome.missing)}.")


def _history(history: OrderHistory) -> Table:
    table = new_table("When (UTC)", "Message", "Decision", "Based on", "Events", title="History")
    for entry in history.history:
        cause = entry.cause
        decision = DECISIONS.get(entry.what, entry.what)
        if entry.reasons:
            decision += f"\n{in_words(entry.reasons)} ({', '.join(entry.reasons)})"
        add_row(
            table,
            exact(entry.at),
            f"{cause.topic}\npartition {cause.partition}, offset {cause.offset}",
            decision,
            "\n".join(_facts(entry.facts)),
            "\n".join(_events(entry, history)),
        )
    return table


def _events(entry: HistoryEntry, history: OrderHistory) -> Iterator[str]:
    for event_id in entry.events:
        event = history.events.get(event_id)
        if event is not None:
            yield f"{event.sequence}. {event.event_type}"
        yield event_id


def _describe_missing(missing: Iterable[MissingDetail]) -> str:
    return ", ".join(f"{MISSING_DETAILS[detail]} ({detail})" for detail in missing)


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    if "replay_id" in facts:
        yield f"replay {facts['replay_id']}"
    if "from_store" in facts:
        yield f"waited for store {facts['from_store']}"
    if "store_marketplace_id" in facts:
        of_order, of_store = facts["marketplace_id"], facts["store_marketplace_id"]
        yield f"marketplace {of_order}, not its store's {of_store}"
    yield from _settings_used(facts)
    for change in facts.get("changes", ()):
        line = "" if change["order_item_id"] is None else f"line {change['order_item_id']}: "
        field = FIELDS.get(change["field"], change["field"])
        yield f"{line}{field} {_value(change['from'])} → {_value(change['to'])}"
    for product in facts.get("products", ()):
        if product["manage_stock"]:
            stock = f"{product['salable_quantity']:g} salable, {product['reserved']} reserved"
        else:
            stock = "stock not managed"
        enabled = "enabled" if product["enabled"] else "disabled"
        yield f"{product['sku']}: {enabled}, {stock}, as of {moment(product['as_of'])}"


def _settings_used(facts: Mapping[str, Any]) -> Iterator[str]:
    if "store_updated_at" in facts:
        yield f"store settings of {moment(facts['store_updated_at'])}"
    if "import_amazon_orders" in facts:
        yield f"import {'on' if facts['import_amazon_orders'] else 'off'}"
    if "import_non_amazon_orders" in facts:
        others = "imported" if facts["import_non_amazon_orders"] else "not imported"
        yield f"not sold on Amazon {others}"
    if "integrated_at" in facts:
        yield f"integrated {moment(facts['integrated_at'])}"


def _value(value: object) -> str:
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case {"amount": str(number), "currency": str(currency)}:
            return f"{number} {currency}"
        case _:
            return str(value)
