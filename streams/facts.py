"""The fact stages: stores, products and listings as upstream tells them. Newer wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from handlers.payloads import MAX_BYTES
from handlers.payloads.json_text import parse_json
from handlers.reservations import release_counted
from models import keys
from models.commands import MAX_KEY
from models.facts import Listing, Product, Store
from models.refusals import DeadLetterCode, Refusal
from storage.port import Transaction, Turn
from streams.messages import Incoming
from streams.page import Page
from streams.stage import Stage

Fact = TypeVar("Fact", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Told(Generic[Fact]):
    """A message of a fact topic, read: the fact, what it deletes, or why it was not taken."""

    message: Incoming
    fact: Fact | None = None
    deletes: str | None = None
    refusal: Refusal | None = None


def read_fact(message: Incoming, model: type[Fact], *, deletable: bool) -> Told[Fact]:
    """Read one fact; a null value deletes what the key names."""
    value = message.value
    if value is None:
        key = (message.key or b"").decode(errors="replace")
        if not deletable or not key:
            return Told(message, refusal=_refusal(DeadLetterCode.UNKNOWN_PAYLOAD, _NO_TOMBSTONE))
        if len(key) > MAX_KEY:
            too_long = f"key: expected at most {MAX_KEY} characters"
            return Told(message, refusal=_refusal(DeadLetterCode.INVALID_MESSAGE, too_long))
        return Told(message, deletes=key)
    if len(value) > MAX_BYTES:
        too_large = f"value: expected at most {MAX_BYTES} bytes"
        return Told(message, refusal=_refusal(DeadLetterCode.TOO_LARGE, too_large))
    try:
        return Told(message, fact=model.model_validate(parse_json(value)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "value"
        expected = first["msg"].removeprefix("Value error, ")
        wrong = f"{field}: {expected}"
        return Told(message, refusal=_refusal(DeadLetterCode.INVALID_MESSAGE, wrong))
    except ValueError as error:
        return Told(message, refusal=_refusal(DeadLetterCode.MALFORMED_JSON, str(error)))


_NO_TOMBSTONE = "value: expected JSON; this topic has no null values without a key"


def _refusal(code: DeadLetterCode, message: str) -> Refusal:
    return Refusal(code=code, message=message)


class StoresStage(Stage[Told[Store]]):
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[Told[Store]]:
        """Read stores. A store cannot be deleted: its orders are still there."""
        return [read_fact(message, Store, deletable=False) for message in messages]

    async def decide(
        self, read: Sequence[Told[Store]], page: Page, transaction: Transaction
    ) -> None:
        """Keep the newest word on each store, and wake the orders that wait on it."""
        await transaction.take_turn(Turn.POLICY)
        await transaction.take_turn(Turn.STOCK)
        known = dict(await transaction.stores())
        changed: dict[str, Store] = {}
        for told in read:
            if told.refusal is not None:
                page.refuse(told.message, told.refusal)
            elif told.fact is not None:
                held = known.get(told.fact.store_id)
                if held is None or told.fact.updated_at >= held.updated_at:
                    known[told.fact.store_id] = changed[told.fact.store_id] = told.fact
        page.facts.stores.extend(changed.values())
        await page.wake(transaction, {keys.waits_on_store(store_id) for store_id in changed})


class ProductsStage(Stage[Told[Product]]):
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[Told[Product]]:
        """Read products."""
        return [read_fact(message, Product, deletable=True) for message in messages]

    async def decide(
        self, read: Sequence[Told[Product]], page: Page, transaction: Transaction
    ) -> None:
        """Keep the newest count of each product.

        What Commerce has acknowledged up to that count is in it already, and is held no more
        (rule 10).
        """
        await transaction.take_turn(Turn.STOCK)
        skus = {told.fact.sku for told in read if told.fact is not None}
        known = {
            sku: stocked.product
            for sku, stocked in (await transaction.product_versions(skus)).items()
        }
        changed: dict[str, Product] = {}
        deleted: set[str] = set()
        for told in read:
            if told.refusal is not None:
                page.refuse(told.message, told.refusal)
            elif told.deletes is not None:
                deleted.add(told.deletes)  # what was told of it is kept all the same
            elif told.fact is not None:
                held = known.get(told.fact.sku)
                if held is None or told.fact.as_of >= held.as_of:
                    known[told.fact.sku] = changed[told.fact.sku] = told.fact
                    deleted.discard(told.fact.sku)
        page.facts.products.extend(changed.values())
        page.facts.deleted_products.extend(deleted)
        await self._count(page, transaction, changed)
        await page.wake(
            transaction, {keys.waits_on_product(sku) for sku in changed.keys() | deleted}
        )

    async def _count(
        self, page: Page, transaction: Transaction, changed: dict[str, Product]
    ) -> None:
        counted_as_of = {sku: product.as_of for sku, product in changed.items()}
        for order in await transaction.acknowledged_holders(set(changed)):
            kept, counted = release_counted(order, counted_as_of)
            if counted:
                page.remember((), (order,))
                page.keep(kept, counted=[(hold.sku, hold.quantity) for hold in counted])


class ListingsStage(Stage[Told[Listing]]):
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[Told[Listing]]:
        """Read listings."""
        return [read_fact(message, Listing, deletable=True) for message in messages]

    async def decide(
        self, read: Sequence[Told[Listing]], page: Page, transaction: Transaction
    ) -> None:
        """Keep the newest match of each seller SKU."""
        await transaction.take_turn(Turn.STOCK)
        known = dict(await transaction.listings({_listing_of(told) for told in read}))
        changed: dict[str, Listing] = {}
        deleted: set[str] = set()
        for told in read:
            key = _listing_of(told)
            if told.refusal is not None:
                page.refuse(told.message, told.refusal)
            elif told.deletes is not None:
                known.pop(key, None)
                changed.pop(key, None)
                deleted.add(key)
            elif told.fact is not None:
                held = known.get(key)
                if held is None or told.fact.updated_at >= held.updated_at:
                    known[key] = changed[key] = told.fact
                    deleted.discard(key)
        page.facts.listings.extend(changed.values())
        page.facts.deleted_listings.extend(deleted)
        await page.wake(transaction, {f"listing:{key}" for key in changed.keys() | deleted})


def _listing_of(told: Told[Listing]) -> str:
    if told.fact is not None:
        return keys.listing_key(told.fact.store_id, told.fact.seller_sku)
    return told.deletes or ""
