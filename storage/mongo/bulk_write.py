"""The writes of one transaction as one bulk write over all collections: one round trip."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne

from models.buyer_data import Erased, Retained
from models.change_set import BuyerWrite, ChangeSet, OrderWrite
from models.checkpoint import Checkpoint
from models.errors import KeyMissing
from models.keys import DEFAULT_STOCK, listing_key, stock_item_key
from storage.documents.buyer_data import (
    SealedDocuments,
    buyer_to_documents,
    bytes_to_documents,
    dead_letter_data_id,
)
from storage.documents.checkpoint import (
    checkpoint_id,
    dead_letter_to_document,
    event_to_document,
    offset_reset_to_document,
    reference_to_document,
)
from storage.documents.commerce_order import (
    commerce_order_to_document,
    commerce_progress_to_document,
)
from storage.documents.order_record import (
    history_entry_to_document,
    order_to_document,
    outcome_to_document,
)
from storage.documents.reference_data import (
    listing_to_document,
    product_to_document,
    stock_item_to_document,
    store_to_document,
)
from storage.documents.replay import (
    answers_to_document,
    replay_part_to_document,
    replay_to_document,
    sync_id,
)
from storage.documents.values import Document, present
from storage.encryption import BuyerKeys
from storage.mongo.buyer_data import KEYS_SUFFIX
from storage.mongo.errors import Operation

HISTORY_LENGTH = 200
"""How many entries of an order's history are stored; the oldest are dropped first."""
NO_DATA_KEYS: Mapping[str, bytes] = MappingProxyType({})


class _Batch:
    def __init__(self, database: str) -> None:
        self.writes: list[Operation] = []
        self._database = database
        self._data = f"{database}.buyer_data"
        self._data_keys = f"{database}{KEYS_SUFFIX}.buyer_keys"

    def insert(self, collection: str, document: Document) -> None:
        self.writes.append(InsertOne(document, namespace=f"{self._database}.{collection}"))

    def update(
        self, collection: str, key: str | Document, update: Document, *, upsert: bool = False
    ) -> None:
        """Update one document, by its `_id` or by a filter."""
        query = key if isinstance(key, dict) else {"_id": key}
        namespace = f"{self._database}.{collection}"
        self.writes.append(UpdateOne(query, update, upsert=upsert, namespace=namespace))

    def update_all(self, collection: str, ids: list[str], update: Document) -> None:
        """Update several documents alike: one operation costs the server half of many."""
        namespace = f"{self._database}.{collection}"
        self.writes.append(UpdateMany({"_id": {"$in": ids}}, update, namespace=namespace))

    def put(self, collection: str, key: str, fields: Document) -> None:
        """Set fields of a document, and create it if it does not exist."""
        self.update(collection, key, {"$set": fields}, upsert=True)

    def seal(self, key: str, documents: SealedDocuments, *, is_new: bool = False) -> None:
        """Store a content and its data key; unless they are new, whatever there was before."""
        for document, namespace in zip(documents, (self._data, self._data_keys), strict=True):
            self.writes.append(
                InsertOne({"_id": key, **document}, namespace=namespace)
                if is_new
                else ReplaceOne({"_id": key}, document, upsert=True, namespace=namespace)
            )

    def set_expiry(self, key: str, expires_at: datetime) -> None:
        """Set until when a content and its data key are kept, if they exist."""
        update = {"$set": {"expires_at": expires_at}}
        for namespace in (self._data, self._data_keys):
            self.writes.append(UpdateOne({"_id": key}, update, namespace=namespace))

    def erase(self, key: str) -> None:
        """Delete a content and its data key."""
        for namespace in (self._data_keys, self._data):
            self.writes.append(DeleteOne({"_id": key}, namespace=namespace))

    def delete(self, collection: str, key: str) -> None:
        self.writes.append(DeleteOne({"_id": key}, namespace=f"{self._database}.{collection}"))


def operations(
    changes: ChangeSet,
    moves: Iterable[tuple[Checkpoint, Checkpoint]],
    database: str,
    histories: Mapping[str, list[Document]],
    keys: BuyerKeys | None = None,
    data_keys: Mapping[str, bytes] = NO_DATA_KEYS,
    counted: Callable[[str, str], bool] = lambda _stock_id, _sku: True,
    *,
    has_leftovers: bool = False,
) -> list[Operation]:
    """Return the writes of a transaction. Each is for another document: order does not matter.

    The checkpoints come first, so that a fenced worker fails on them. `histories` are the stored
    histories of orders that move from another store, by key. `keys` encrypt buyer data and dead
    letters; `data_keys` are those that have been used for orders before. `counted` says whether a
    product has a document in a stock. With `has_leftovers`, buyer data of new orders may exist.
    """
    batch = _Batch(database)
    for before, after in moves:
        _move(batch, before, after)
    for change in changes.orders:
        _write_order(batch, change, histories.get(change.record.key, []))
        _write_buyer(batch, change, keys, data_keys, has_leftovers=has_leftovers)
    for order in changes.new_commerce_orders:
        batch.insert("commerce_orders", commerce_order_to_document(order))
    for order in changes.changed_commerce_orders:
        progress = {"$set": commerce_progress_to_document(order)}
        batch.update("commerce_orders", order.commerce_order_id, progress)
    for event in changes.events:
        batch.insert("events", event_to_document(event))
    for reset in map(offset_reset_to_document, changes.offset_resets):
        batch.put("offset_resets", reset["_id"], reset)
    for dead_letter in changes.dead_letters:
        # Not an insert: a recreated topic counts its offsets from 0 again.
        fields = dead_letter_to_document(dead_letter)
        written = {"$set": fields, "$unset": {"erased_at": ""}}
        batch.update("dead_letters", dead_letter.dead_letter_id, written, upsert=True)
        data_id = dead_letter_data_id(dead_letter.dead_letter_id)
        batch.seal(data_id, bytes_to_documents(_required(keys), dead_letter))
    for dead_letter_id in changes.claimed:
        claimed = {"$unset": {"details_of": ""}, "$set": {"claimed": True}}
        batch.update("dead_letters", dead_letter_id, claimed)
    _write_facts(batch, changes)
    _write_stock_items(batch, changes, counted)
    _write_replays(batch, changes)
    numbered = Counter(order.stock_id for order in changes.new_commerce_orders)
    for stock_id, orders in numbered.items():
        batch.update("locks", stock_id, {"$inc": {"orders_numbered": orders}})
    return batch.writes


def _move(batch: _Batch, before: Checkpoint, after: Checkpoint) -> None:
    # If the stored checkpoint is another one than expected, the upsert collides with its `_id`.
    expected = {
        "_id": checkpoint_id(before.source),
        "epoch": before.epoch,
        "version": before.version,
    }
    moved = {
        "committed_offset": after.committed_offset,
        "version": after.version,
        "part": after.part,
        "part_refused": after.part_refused,
        "outbox": [reference_to_document(outgoing) for outgoing in after.outbox],
        **present(topic_id=after.topic_id),
    }
    batch.update("checkpoints", expected, {"$set": moved}, upsert=True)


def _write_order(batch: _Batch, change: OrderWrite, earlier: list[Document]) -> None:
    record = change.record
    history = [history_entry_to_document(entry) for entry in change.history]
    if change.is_new:
        document = order_to_document(record, is_new=True)
        document["history"] = [*earlier, *history][-HISTORY_LENGTH:]
        batch.insert("amazon_orders", document)
        return
    fields = (
        order_to_document(record, is_new=False) if change.details else outcome_to_document(record)
    )
    push = {"history": {"$each": history, "$slice": -HISTORY_LENGTH}}
    batch.update("amazon_orders", record.key, {"$set": fields, "$push": push})


def _write_buyer(
    batch: _Batch,
    change: OrderWrite,
    keys: BuyerKeys | None,
    data_keys: Mapping[str, bytes],
    *,
    has_leftovers: bool,
) -> None:
    record = change.record
    if change.moved_from is not None:
        batch.erase(change.moved_from)
    match record.buyer_data, change.buyer:
        case Retained(expires_at), BuyerWrite.CONTENT:
            documents = buyer_to_documents(
                _required(keys), record.key, record.order, expires_at, data_keys.get(record.key)
            )
            batch.seal(record.key, documents, is_new=change.is_new and not has_leftovers)
        case Retained(expires_at), BuyerWrite.EXPIRY:
            batch.set_expiry(record.key, expires_at)
        case Erased(), BuyerWrite.CONTENT if not change.is_new:
            batch.erase(record.key)
        case _:
            pass


def _required(keys: BuyerKeys | None) -> BuyerKeys:
    if keys is None:
        raise KeyMissing("buyer data cannot be stored without its key file")
    return keys


def _write_facts(batch: _Batch, changes: ChangeSet) -> None:
    for store in changes.stores:
        batch.put("stores", store.store_id, store_to_document(store))
    deleted = set(changes.deleted_products)
    for product in changes.products:
        fields = product_to_document(product) | {"deleted": product.sku in deleted}
        batch.put("products", product.sku, fields)
    for sku in deleted - {product.sku for product in changes.products}:
        batch.update("products", sku, {"$set": {"deleted": True}})
    for listing in changes.listings:
        key = listing_key(listing.store_id, listing.seller_sku)
        batch.put("listings", key, listing_to_document(listing))
    for key in changes.deleted_listings:
        batch.delete("listings", key)


def _write_stock_items(
    batch: _Batch, changes: ChangeSet, counted: Callable[[str, str], bool]
) -> None:
    """Write counts and reserved units, each document once.

    Products whose reserved units change by the same number are updated together. In the stock
    `default` every product has a document, in another one perhaps none yet.
    """
    updates: dict[str, Document] = {
        item.key: {"$set": stock_item_to_document(item)} for item in changes.stock_items
    }
    for key in changes.deleted_stock_items:
        updates.setdefault(key, {}).setdefault("$set", {})["deleted"] = True
    created: dict[tuple[str, str], int] = {
        (DEFAULT_STOCK, product.sku): 0
        for product in changes.products
        if stock_item_key(DEFAULT_STOCK, product.sku) not in updates
    }
    keys_by_units: defaultdict[int, list[str]] = defaultdict(list)
    for stock_id, reserved in changes.reserved.items():
        for sku, units in reserved.items():
            key = stock_item_key(stock_id, sku)
            if units and key in updates:
                updates[key]["$inc"] = {"reserved": units}
            elif units and (not counted(stock_id, sku) or (stock_id, sku) in created):
                created[stock_id, sku] = units
            elif units:
                keys_by_units[units].append(key)
    for (stock_id, sku), units in created.items():
        key, place = stock_item_key(stock_id, sku), {"stock_id": stock_id, "sku": sku}
        update: Document = {"$inc": {"reserved": units}, "$setOnInsert": place}
        batch.update("stock_items", key, update, upsert=True)
    for units, keys in keys_by_units.items():
        batch.update_all("stock_items", keys, {"$inc": {"reserved": units}})
    for key, update in updates.items():
        batch.update("stock_items", key, update, upsert="as_of" in update["$set"])


def _write_replays(batch: _Batch, changes: ChangeSet) -> None:
    for replay in changes.replays:
        batch.put("replays", replay.replay_id, replay_to_document(replay))
    for recorded in changes.answers:
        batch.insert("replay_results", answers_to_document(recorded))
    for part in changes.replay_parts:
        batch.insert("replay_parts", replay_part_to_document(part))
    for scope, at in changes.synced.items():
        batch.update("timers", sync_id(scope), {"$max": {"requested_at": at}}, upsert=True)
