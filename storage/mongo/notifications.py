"""The ledger of notifications on MongoDB: one document, so that each change of it is atomic."""

from datetime import datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from models.notifications import Notification, NotificationLedger
from storage.documents.notifications import (
    ledger_from_document,
    ledger_to_document,
    notification_to_document,
)
from storage.mongo.driver import Database
from storage.mongo.errors import translate_errors

_LEDGER = "ledger"


class MongoNotifications:
    """The ledger of notifications, which one process at a time holds.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._collection = database.notifications

    async def hold(self, holder: str, at: datetime, until: datetime) -> NotificationLedger | None:
        """Hold the ledger until a moment, or hold it on, and return it; None if another does."""
        query = {"_id": _LEDGER, "$or": [{"holder": holder}, {"held_until": {"$lte": at}}]}
        update = {
            "$set": {"holder": holder, "held_until": until},
            "$setOnInsert": {"version": 0, "notified": [], "outbox": []},
        }
        with translate_errors():
            try:
                document = await self._collection.find_one_and_update(
                    query, update, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                return None  # it exists, and another process holds it
        if document is None:
            raise AssertionError("an upsert returns the document")
        return ledger_from_document(document)

    async def release(self, holder: str, at: datetime) -> None:
        """Hold the ledger no longer, so that another process can take over at once."""
        query = {"_id": _LEDGER, "holder": holder}
        with translate_errors():
            await self._collection.update_one(query, {"$set": {"held_until": at}})

    async def save(self, before: NotificationLedger, after: NotificationLedger) -> bool:
        """Store a change of the ledger; False if it was changed by another process meanwhile.

        Of the outbox, only what the change adds is written.
        """
        added = [notification_to_document(added) for added in after.outbox[len(before.outbox) :]]
        update = {"$set": ledger_to_document(after), "$push": {"outbox": {"$each": added}}}
        query = {"_id": _LEDGER, "version": before.version}
        with translate_errors():
            result = await self._collection.update_one(query, update)
        return result.matched_count == 1

    async def delivered(self, notification: Notification) -> None:
        """Remove a notification that its channel has accepted. Harmless to repeat."""
        entry = {
            "notification_id": notification.notification_id,
            "channel": notification.channel,
        }
        with translate_errors():
            await self._collection.update_one({"_id": _LEDGER}, {"$pull": {"outbox": entry}})
