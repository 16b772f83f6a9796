"""The fact stages: stores, products and listings as upstream tells them. Newer wins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from handlers.handler import Handler
from handlers.payloads import MAX_BYTES
from handlers.payloads.json_text import parse_json
from handlers.rules.reservations import release_counted
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.commands import MAX_KEY
from models.messages import DeadLetterCode, Incoming, Rejection
from models.reference_data import Listing, Product, Store
from storage.port import Transaction

Fact = TypeVar("Fact", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class FactMessage(Generic[Fact]):
    """A message of a fact topic, read: the fact, what it deletes, or why it was not taken."""

    message: Incoming
    fact: Fact | None = None
    deletes: str | None = None
    refusal: Rejection | None = None


def read_fact(message: Incoming, model: type[Fact], *, deletable: bool) -> FactMessage[Fact]:
    """Read one fact; a null value deletes what the key names."""
    value = message.value
    if value is None:
        key = (message.key or b"").decode(errors="replace")
        if not deletable or not key:
            return FactMessage(
                message, refusal=_refusal(DeadLetterCode.UNKNOWN_PAYLOAD, _NO_TOMBSTONE)
            )
        if len(key) > MAX_KEY:
            too_long = f"key: expected at most {MAX_KEY} characters"
            return FactMessage(message, refusal=_refusal(DeadLetterCode.INVALID_MESSAGE, too_long))
        return FactMessage(message, deletes=key)
    if len(value) > MAX_BYTES:
        too_large = f"value: expected at most {MAX_BYTES} bytes"
        return FactMessage(message, refusal=_refusal(DeadLetterCode.TOO_LARGE, too_large))
    try:
        return FactMessage(message, fact=model.model_validate(parse_json(value)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "value"
        expected = first["msg"].removeprefix("Value error, ")
        wrong = f"{field}: {expected}"
        return FactMessage(message, refusal=_refusal(DeadLetterCode.INVALID_MESSAGE, wrong))
    except ValueError as error:
        return FactMessage(message, refusal=_refusal(DeadLetterCode.MALFORMED_JSON, str(error)))


_NO_TOMBSTONE = "value: expected JSON; this topic has no null values without a key"


def _refusal(code: DeadLetterCode, message: str) -> Rejection:
    return Rejection(code=code, message=message)


def _newest(
    parsed: Sequence[FactMessage[Fact]],
    unit_of_work: UnitOfWork,
    known: dict[str, Fact],
    key_of: Callable[[Fact], str],
    at: Callable[[Fact], datetime],
    *,
    told_stays: bool = False,
) -> tuple[dict[str, Fact], set[str]]:
    """Return the facts that are newer than what is known, and the keys of those deleted.

    `told_stays` says that what was told of a deleted one is kept all the same.
    """
    changed: dict[str, Fact] = {}
    deleted: set[str] = set()
    for told in parsed:
        if told.refusal is not None:
            unit_of_work.dead_letter(told.message, told.refusal)
        elif told.deletes is not None:
            deleted.add(told.deletes)
            if not told_stays:
                known.pop(told.deletes, None)
                changed.pop(told.deletes, None)
        elif told.fact is not None:
            key = key_of(told.fact)
            stored = known.get(key)
            if stored is None or at(told.fact) >= at(stored):
                known[key] = changed[key] = told.fact
                deleted.discard(key)
    return changed, deleted


class StoresHandler(Handler[FactMessage[Store]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[Store]]:
        """Read stores. A store cannot be deleted: its orders are still there."""
        return [read_fact(message, Store, deletable=False) for message in messages]

    async def handle(
        self,
        parsed: Sequence[FactMessage[Store]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Keep the newest word on each store, and wake the orders that wait on it."""
        await unit_of_work.lock(transaction)
        changed, _ = _newest(
            parsed,
            unit_of_work,
            dict(unit_of_work.stores),
            lambda one: one.store_id,
            lambda one: one.updated_at,
        )
        unit_of_work.facts.stores.extend(changed.values())
        await unit_of_work.request_recheck(transaction, map(keys.depends_on_store, changed))


class ProductsHandler(Handler[FactMessage[Product]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[Product]]:
        """Read products."""
        return [read_fact(message, Product, deletable=True) for message in messages]

    async def handle(
        self,
        parsed: Sequence[FactMessage[Product]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Keep the newest count of each product.

        What Commerce has acknowledged up to that count is in it already, and is held no more
        (rule 10).
        """
        await unit_of_work.lock(transaction)
        told = await transaction.product_versions({one.fact.sku for one in parsed if one.fact})
        known = {sku: stocked.product for sku, stocked in told.items()}
        changed, deleted = _newest(
            parsed, unit_of_work, known, lambda one: one.sku, lambda one: one.as_of, told_stays=True
        )
        unit_of_work.facts.products.extend(changed.values())
        unit_of_work.facts.deleted_products.extend(deleted)
        counted_as_of = {sku: product.as_of for sku, product in changed.items()}
        for order in await transaction.acknowledged_orders_reserving(changed.keys()):
            kept, counted = release_counted(order, counted_as_of)
            if counted:
                unit_of_work.track((), (order,))
                unit_of_work.save_commerce_order(
                    kept,
                    counted=[(reservation.sku, reservation.quantity) for reservation in counted],
                )
        await unit_of_work.request_recheck(
            transaction, map(keys.depends_on_product, changed.keys() | deleted)
        )


class ListingsHandler(Handler[FactMessage[Listing]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[Listing]]:
        """Read listings."""
        return [read_fact(message, Listing, deletable=True) for message in messages]

    async def handle(
        self,
        parsed: Sequence[FactMessage[Listing]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Keep the newest match of each seller SKU."""
        await unit_of_work.lock(transaction)
        known = await transaction.listings({one.fact.key for one in parsed if one.fact})
        changed, deleted = _newest(
            parsed, unit_of_work, dict(known), lambda one: one.key, lambda one: one.updated_at
        )
        unit_of_work.facts.listings.extend(changed.values())
        unit_of_work.facts.deleted_listings.extend(deleted)
        await unit_of_work.request_recheck(
            transaction, map(keys.depends_on_listing, changed.keys() | deleted)
        )
