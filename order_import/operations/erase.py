"""Erase the buyer data of orders on request: find what there is, erase it, and record that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.buyer_data import BuyerData
from order_import.bootstrap import connect_database
from order_import.buyer_keys import read_buyer_keys
from order_import.operations.order_names import resolve_orders
from order_import.settings import Settings
from storage.port import AuditEntry

ERASED_BUYER = "erased-buyer"
"""The action in the audit log."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is erased, or would be: orders by key, and dead letters that name them, by id."""

    orders: Mapping[str, BuyerData | None]
    dead_letters: Sequence[str]


async def plan_erasure(
    settings: Settings, names: Sequence[str], email: str | None = None
) -> Erasure:
    """Return what an erasure would erase, of named orders and of the buyer with an e-mail address.

    Dead letters count if an order's id or the e-mail address occurs in them.

    Raises:
        OrderNotNamed: No order has a name.
        SettingsError: The file of keys is missing: without it, dead letters cannot be searched.
        KeyMissing: Buyer data was encrypted with another key.
        StorageUnavailable: The database does not answer.
    """
    read_buyer_keys(settings)
    async with connect_database(settings) as database:
        storage = database.storage
        keys = [*await resolve_orders(storage, names, None)]
        if email is not None:
            keys += await storage.vault.find_orders_by_email(email)
        orders = await storage.snapshot(lambda view: view.orders(keys))
        texts = [record.order.amazon_order_id for record in orders.values()]
        if email is not None:
            texts.append(email)
        dead_letters = await storage.vault.find_dead_letters(texts) if texts else []
        return Erasure({key: record.buyer_data for key, record in orders.items()}, dead_letters)


async def erase(
    settings: Settings, erasure: Erasure, who: str, reason_text: str, at: datetime
) -> None:
    """Erase, and record each order and dead letter in the audit log. Nothing is published.

    Raises:
        StorageUnavailable: The database does not answer. Repeat it: that is harmless.
    """
    async with connect_database(settings) as database:
        # The record comes first: nothing is erased that is not accounted for.
        for target in (*erasure.orders, *erasure.dead_letters):
            entry_id = f"{at.isoformat()} {target}"
            entry = AuditEntry(entry_id, at, who, ERASED_BUYER, target, reason_text)
            await database.console_state.record(entry)
        await database.storage.vault.erase([*erasure.orders], erasure.dead_letters, at)
