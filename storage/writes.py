"""The writes of one batch, over all collections, for one round trip."""

from collections.abc import Iterable, Mapping

from pymongo import DeleteOne, InsertOne, UpdateOne

from models.keys import listing_key
from models.ledger import Changes, OrderChange, Position
from storage.commerce_documents import commerce_order_in, commerce_progress_in
from storage.fact_documents import listing_in, product_in, store_in
from storage.ledger_documents import (
    dead_letter_in,
    event_in,
    offset_reset_in,
    position_id,
    reference_in,
)
from storage.order_documents import order_in, outcome_in
from storage.replay_documents import answer_in, replay_in, replay_part_in, sync_id
from storage.story_documents import story_in
from storage.values import Document, present

STORY_LENGTH = 200
"""How many entries of an order's story are kept; the oldest go first."""

Operation = InsertOne[Document] | UpdateOne | DeleteOne


def operations(
    changes: Changes,
    moves: Iterable[tuple[Position, Position]],
    database: str,
    expected: Mapping[str, Document],
    stories: Mapping[str, list[Document]],
) -> list[Operation]:
    """Give the writes of a batch. They touch different documents: their order does not matter.

    `expected` has, by key, what an order must still be for its write to take place; `stories` the
    stored stories of new orders that were known under another store.
    """
    writes: list[Operation] = [_move_write(*move, f"{database}.positions") for move in moves]
    orders = f"{database}.amazon_orders"
    writes += [
        _order_write(
            change,
            orders,
            expected.get(change.record.key, {}),
            stories.get(change.record.key, []),
        )
        for change in changes.orders
    ]
    commerce = f"{database}.commerce_orders"
    writes += [
        InsertOne(commerce_order_in(order), namespace=commerce)
        for order in changes.new_commerce_orders
    ]
    writes += [
        UpdateOne(
            {"_id": order.commerce_order_id},
            {"$set": commerce_progress_in(order)},
            namespace=commerce,
        )
        for order in changes.changed_commerce_orders
    ]
    writes += [
        InsertOne(event_in(event), namespace=f"{database}.events") for event in changes.events
    ]
    # Not inserted: a topic made anew counts its offsets from 0 again.
    writes += [
        UpdateOne(
            {"_id": document["_id"]},
            {"$set": document},
            upsert=True,
            namespace=f"{database}.offset_resets",
        )
        for document in map(offset_reset_in, changes.offset_resets)
    ]
    writes += [
        UpdateOne(
            {"_id": letter.dead_letter_id},
            {"$set": dead_letter_in(letter)},
            upsert=True,
            namespace=f"{database}.dead_letters",
        )
        for letter in changes.dead_letters
    ]
    writes += [
        UpdateOne(
            {"_id": letter_id},
            {"$unset": {"details_of": ""}, "$set": {"claimed": True}},
            namespace=f"{database}.dead_letters",
        )
        for letter_id in changes.claimed
    ]
    writes += [
        UpdateOne(
            {"_id": replay.replay_id},
            {"$set": replay_in(replay)},
            upsert=True,
            namespace=f"{database}.replays",
        )
        for replay in changes.replays
    ]
    # A step that is taken twice finds its orders created: the first answer is the true one.
    writes += [
        UpdateOne(
            {"_id": recorded.result_id},
            {"$setOnInsert": answer_in(recorded)},
            upsert=True,
            namespace=f"{database}.replay_results",
        )
        for recorded in changes.answers
    ]
    writes += [
        InsertOne(replay_part_in(part), namespace=f"{database}.replay_parts")
        for part in changes.replay_parts
    ]
    writes += [
        UpdateOne(
            {"_id": sync_id(scope)},
            {"$max": {"requested_at": at}},
            upsert=True,
            namespace=f"{database}.timers",
        )
        for scope, at in changes.synced.items()
    ]
    writes += _fact_writes(changes, database)
    numbered = len(changes.new_commerce_orders)
    if numbered:
        writes.append(
            UpdateOne(
                {"_id": "stock"},
                {"$inc": {"orders_numbered": numbered}},
                namespace=f"{database}.turns",
            )
        )
    return writes


def _move_write(before: Position, after: Position, namespace: str) -> Operation:
    # An upsert that finds another position than expected collides with that one's `_id`.
    return UpdateOne(
        {"_id": position_id(before.source), "epoch": before.epoch, "step": before.step},
        {
            "$set": {
                "decided_to": after.decided_to,
                "step": after.step,
                "outbox": [reference_in(outgoing) for outgoing in after.outbox],
                **present(topic_id=after.topic_id),
            }
        },
        upsert=True,
        namespace=namespace,
    )


def _order_write(
    change: OrderChange, namespace: str, expected: Document, story_before: list[Document]
) -> Operation:
    record = change.record
    story = [story_in(entry) for entry in change.story]
    if change.is_new:
        kept = [*story_before, *story][-STORY_LENGTH:]
        document = {"_id": record.key} | order_in(record, is_new=True) | {"story": kept}
        return InsertOne(document, namespace=namespace)
    fields = order_in(record, is_new=False) if change.details else outcome_in(record)
    return UpdateOne(
        {"_id": record.key} | expected,
        {"$set": fields, "$push": {"story": {"$each": story, "$slice": -STORY_LENGTH}}},
        namespace=namespace,
    )


def _fact_writes(changes: Changes, database: str) -> list[Operation]:
    stores, products, listings = (
        f"{database}.{name}" for name in ("stores", "products", "listings")
    )
    writes: list[Operation] = [
        UpdateOne({"_id": store.store_id}, {"$set": store_in(store)}, upsert=True, namespace=stores)
        for store in changes.stores
    ]
    told: dict[str, Document] = {
        product.sku: {"$set": product_in(product)} for product in changes.products
    }
    for sku in changes.deleted_products:
        told.setdefault(sku, {}).setdefault("$set", {})["deleted"] = True
    for sku, pieces in changes.held.items():
        if pieces:
            told.setdefault(sku, {})["$inc"] = {"held": pieces}
    writes += [
        UpdateOne(
            {"_id": sku}, update, upsert="as_of" in update.get("$set", {}), namespace=products
        )
        for sku, update in told.items()
    ]
    writes += [
        UpdateOne(
            {"_id": listing_key(listing.store_id, listing.seller_sku)},
            {"$set": listing_in(listing)},
            upsert=True,
            namespace=listings,
        )
        for listing in changes.listings
    ]
    writes += [DeleteOne({"_id": key}, namespace=listings) for key in changes.deleted_listings]
    return writes
