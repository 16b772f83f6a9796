"""Which store an order belongs to: one store in the whole installation (rule 22)."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from handlers.rules.decision_builder import DecisionBuilder
from models.amazon_order import AmazonOrder
from models.base import Identifier
from models.decision import Decision
from models.keys import depends_on_store
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.reference_data import Store

_STORE_ID: TypeAdapter[str] = TypeAdapter(Identifier)


@dataclass(frozen=True, slots=True)
class NamedStore:
    """The store that a message names for an order.

    `is_explicit` says that a header or a `store_id` names it, not only the order's marketplace.
    """

    store_id: str
    is_explicit: bool


@dataclass(frozen=True, slots=True)
class StoreMismatch:
    """An order that was sent for one store, but belongs to another known store."""

    holder: str
    sent_for: str


def name_store(
    order: AmazonOrder, header: str | None, stores: Mapping[str, Store]
) -> NamedStore | None:
    """Return the store that a message names for an order, or None.

    It is the `store-id` header, else the body's `store_id`, else the one store with that seller
    and marketplace, else the one store with that marketplace.
    """
    if header is not None:
        try:
            return NamedStore(_STORE_ID.validate_python(header), is_explicit=True)
        except ValidationError:
            return None
    if order.store_id is not None:
        return NamedStore(order.store_id, is_explicit=True)
    if order.marketplace_id is None:
        return None
    candidates = [
        store for store in stores.values() if store.marketplace_id == order.marketplace_id
    ]
    of_seller = [store for store in candidates if store.seller_id == order.seller_id]
    if order.seller_id is not None and len(of_seller) == 1:
        candidates = of_seller
    return NamedStore(candidates[0].store_id, is_explicit=False) if len(candidates) == 1 else None


def choose_store(
    named: NamedStore | None, holder: str | None, stores: Mapping[str, Store]
) -> str | StoreMismatch | None:
    """Return the store that the order of a message belongs to; None if nothing says so.

    `holder` is the store that already has the order. If it is known, it keeps the order: a message
    that does not name a store explicitly belongs to it, whatever the marketplace, and a message for
    another store is a mismatch. An order that waits for an unknown store goes to the named store.
    """
    if named is None or holder == named.store_id:
        return holder
    if holder is None or holder not in stores:
        return named.store_id
    return StoreMismatch(holder, named.store_id) if named.is_explicit else holder


def move_to_store(record: OrderRecord, store_id: str, context: MessageContext) -> Decision:
    """Return the decision that moves an order that waits as `store-unknown` to another store.

    Nothing has been published of it yet. The message that moves it applies the new store's policy.
    """
    order = record.order.model_copy(update={"store_id": store_id})
    return DecisionBuilder(record, context).decide(
        "moved-to-store",
        record.outcome.reasons,
        {"from_store": record.store_id},
        store_id=store_id,
        order=order,
        depends_on=(depends_on_store(store_id),),
    )
