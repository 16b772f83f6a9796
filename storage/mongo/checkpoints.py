"""Checkpoints on MongoDB: each partition's offset, owner and outbox."""

from collections.abc import Collection, Sequence

from models.checkpoint import Checkpoint, Outgoing
from models.commands import COMMAND
from models.errors import Fenced
from models.messages import CommandMessage, TopicPartition
from storage.documents.buyer_data import dead_letter_data_id
from storage.documents.checkpoint import (
    checkpoint_id,
    dead_letter_from_document,
    event_from_document,
    ids_of_event,
    reference_to_document,
)
from storage.documents.values import Document
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.driver import Client, ClientSession, Database, maybe_await
from storage.mongo.errors import translate_errors

_BEGINNING: Document = {
    "committed_offset": 0,
    "part": 0,
    "part_refused": False,
    "outbox": [],
    "version": 0,
}
_FIELDS = ("committed_offset", "epoch", "version", "part", "part_refused")


class MongoCheckpoints:
    """See `storage.port.Storage` for what each method promises."""

    def __init__(self, client: Client, database: Database, vault: BuyerVault) -> None:
        self._client = client
        self._database = database
        self.vault = vault
        self._sessions: dict[TopicPartition, ClientSession] = {}
        self._former_sessions: list[Document] = []

    async def checkpoint(self, source: TopicPartition) -> Checkpoint:
        """See the port."""
        with translate_errors():
            document = await self._database.checkpoints.find_one({"_id": checkpoint_id(source)})
            if document is None:
                return Checkpoint(source, 0)
            outbox = await self._outbox(document["outbox"])
            fields = {name: document[name] for name in _FIELDS}
            return Checkpoint(source, outbox=outbox, topic_id=document.get("topic_id"), **fields)

    async def claim(self, sources: Sequence[TopicPartition]) -> Sequence[Checkpoint]:
        """See the port."""
        checkpoints = self._database.checkpoints
        ids = [checkpoint_id(source) for source in sources]
        with translate_errors():
            # Always a new session: the next owner can end a used one that waits for its lock.
            session = await maybe_await(self._client.start_session())
            # First of all: a transaction that a former owner left open can block these documents.
            stored = await checkpoints.find({"_id": {"$in": ids}}, {"session": 1}).to_list(None)
            former = [document["session"] for document in stored if document.get("session")]
            if former:
                self._former_sessions.extend(former)
                await self._end_former_owners()
            for checkpoint in ids:
                await checkpoints.update_one(
                    {"_id": checkpoint},
                    {
                        "$set": {"session": session.session_id},
                        "$inc": {"epoch": 1},
                        "$setOnInsert": _BEGINNING,
                    },
                    upsert=True,
                )
            self._sessions |= dict.fromkeys(sources, session)
        return [await self.checkpoint(source) for source in sources]

    async def _end_former_owners(self) -> None:
        """End the open transactions of former owners.

        That includes one that a former owner began after it had lost its partition.
        """
        if self._former_sessions:
            await self._database.command({"killSessions": self._former_sessions})

    async def trim_outbox(self, checkpoint: Checkpoint, rest: Sequence[Outgoing] = ()) -> None:
        """See the port."""
        with translate_errors():
            result = await self._database.checkpoints.update_one(
                {
                    "_id": checkpoint_id(checkpoint.source),
                    "epoch": checkpoint.epoch,
                    "version": checkpoint.version,
                },
                {"$set": {"outbox": [reference_to_document(outgoing) for outgoing in rest]}},
            )
        if not result.matched_count:
            stored = await self.checkpoint(checkpoint.source)
            if stored.epoch != checkpoint.epoch:
                raise Fenced(f"{checkpoint.source} has another owner")

    async def pending_in_other_outboxes(
        self, events: Collection[tuple[str, int]], but: Collection[TopicPartition]
    ) -> Collection[tuple[str, int]]:
        """See the port."""
        ids = {event_id for event in events for event_id in ids_of_event(*event)}
        others = {"$nin": [checkpoint_id(source) for source in but]}
        query = {"_id": others, "outbox.event": {"$in": list(ids)}}
        with translate_errors():
            checkpoints = self._database.checkpoints.find(query, {"outbox.event": 1})
            pending = {
                reference.get("event")
                for checkpoint in await checkpoints.to_list(None)
                for reference in checkpoint["outbox"]
            }
            # An id does not contain its event's place in the order's sequence; the event does.
            stored = await self._by_id("events", sorted(ids & pending))
        return {(event["key"], event["sequence"]) for event in stored.values()} & set(events)

    async def _outbox(self, references: list[Document]) -> tuple[Outgoing, ...]:
        events = await self._by_id("events", [ref["event"] for ref in references if "event" in ref])
        dead_letters = await self._by_id(
            "dead_letters", [ref["dead_letter"] for ref in references if "dead_letter" in ref]
        )
        contents = await self.vault.contents([*map(dead_letter_data_id, dead_letters)])
        outgoing: list[Outgoing] = []
        for reference in references:
            match reference:
                case {"event": event_id}:
                    outgoing.append(event_from_document(events[event_id]))
                case {"dead_letter": dead_letter_id}:
                    content = contents.get(dead_letter_data_id(dead_letter_id))
                    outgoing.append(
                        dead_letter_from_document(
                            dead_letters[dead_letter_id], content.fields if content else {}
                        )
                    )
                case {"command": command, "key": key}:
                    outgoing.append(CommandMessage(key, COMMAND.validate_json(command)))
                case _:
                    raise ValueError(f"an outbox holds an unknown reference: {sorted(reference)}")
        return tuple(outgoing)

    async def _by_id(self, collection: str, ids: list[str]) -> dict[str, Document]:
        if not ids:
            return {}
        cursor = self._database[collection].find({"_id": {"$in": ids}})
        return {document["_id"]: document for document in await cursor.to_list(None)}
