"""A small oracle: what must have become of an order, read from the log of its messages alone."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.faults.evidence import Document, Message

READY = {"Unshipped", "PartiallyShipped", "Shipped"}
RANK = ["Pending", "Unshipped", "PartiallyShipped", "Shipped", "Canceled"]


@dataclass
class OrderLog:
    """What the log says of one order, message by message (newer wins, canceled is final).

    All documents of an order tell the same lines, and prices too. New can be a status, the units
    with their total, and whether the buyer asks to cancel.
    """

    messages: int = 0
    status: str = ""
    updated: str = ""
    ever_ready: bool = False
    units: dict[str, int] = field(default_factory=dict)
    """By the item's id."""
    skus: dict[str, str] = field(default_factory=dict)
    asks: bool | None = None
    pieces_at: str = ""
    asks_at: str = ""

    @property
    def lines(self) -> dict[str, int]:
        """Units wanted of each SKU."""
        lines: dict[str, int] = {}
        for item, units in self.units.items():
            if units:
                lines[self.skus[item]] = lines.get(self.skus[item], 0) + units
        return lines

    def hear(self, body: Document) -> None:
        self.messages += 1
        at = body["last_update_date"]
        if at >= self.pieces_at:
            self.units = {item["order_item_id"]: item["quantity"] for item in body["items"]}
            self.skus = {item["order_item_id"]: item["seller_sku"] for item in body["items"]}
            self.pieces_at = at
        asks = body["buyer_requested_cancel"]
        if asks is not None and (self.asks is None or at >= self.asks_at):
            self.asks, self.asks_at = asks, at
        if self._moves(body):
            self.status, self.updated = body["status"], at
        self.ever_ready |= self.status in READY

    def _moves(self, body: Document) -> bool:
        if not self.status or "Canceled" in {self.status, body["status"]}:
            return body["status"] == "Canceled" or not self.status
        if body["last_update_date"] != self.updated:
            return bool(body["last_update_date"] > self.updated)
        return RANK.index(body["status"]) >= RANK.index(self.status)


def tell(messages: list[Message], refused: set[str]) -> dict[str, OrderLog]:
    """Return what is told of each order by `store/order`; refused messages tell nothing.

    Where partitions were added, an order has messages on several, and any may be decided first.
    """
    told: dict[str, OrderLog] = {}
    alone: dict[tuple[str, int], OrderLog] = {}
    for message in messages:
        body = message.body
        # One that nobody can read and nobody refused is missed elsewhere: among the poison.
        if message.place not in refused and {"store_id", "amazon_order_id"} <= body.keys():
            key = f"{body['store_id']}/{body['amazon_order_id']}"
            told.setdefault(key, OrderLog()).hear(body)
            alone.setdefault((key, message.partition), OrderLog()).hear(body)
    for (key, _), heard in alone.items():
        told[key].ever_ready |= heard.ever_ready
    return told


def newest_products(messages: list[Message], refused: set[str]) -> dict[str, Document]:
    """Give the newest word on each product."""
    newest: dict[str, Document] = {}
    for message in messages:
        body = message.body
        if message.place in refused or "sku" not in body:
            continue
        reserved = newest.get(body["sku"])
        if reserved is None or moment(body["as_of"]) >= moment(reserved["as_of"]):
            newest[body["sku"]] = body
    return newest


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
