"""`replays` and `replay_results` documents, and the query for a replay's orders."""

from dataclasses import asdict
from datetime import UTC, datetime

from models.blockers import BlockerCode
from models.outcome import ImportState, SkipReason, states_with
from models.replay import (
    RecordedAnswer,
    Replay,
    ReplayAnswer,
    ReplayPart,
    ReplayReason,
    ReplayResult,
    ReplayState,
    Selection,
)
from storage.documents.values import Document, money_from_document, money_to_document, present

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Sorts orders without a purchase date first, as the database does."""


def replay_to_document(replay: Replay) -> Document:
    """Give the fields of a replay but its `_id`."""
    fields = {name: getattr(replay, name) for name in _REPLAY_FIELDS}
    return fields | {"state": replay.state, "filter": dict(replay.asked)}


def replay_from_document(document: Document) -> Replay:
    """Give the replay a document holds."""
    return Replay(
        replay_id=document["_id"],
        state=ReplayState(document["state"]),
        asked=document["filter"],
        **{name: document[name] for name in _REPLAY_FIELDS},
    )


_REPLAY_FIELDS = (
    *("who", "reason_text", "selected", "started_at", "moved_at"),
    *("step", "done", "finished_at", "results"),
)


def replay_part_to_document(part: ReplayPart) -> Document:
    """Return the document of the orders of one step."""
    return {"_id": part.part_id, "keys": list(part.keys)}


def sync_id(scope: str) -> str:
    """Return the id in `timers` of the last sync of a store or of all."""
    return f"synced:{scope}"


def answer_to_document(recorded: RecordedAnswer) -> Document:
    """Give the fields of an answer but its `_id`."""
    answer = recorded.answer
    return {
        "replay_id": recorded.replay_id,
        "key": answer.key,
        "result": answer.result,
        "reasons": [present(**asdict(reason)) for reason in answer.reasons],
        "at": recorded.at,
        **present(total=money_to_document(answer.total)),
    }


def answer_from_document(document: Document) -> RecordedAnswer:
    """Give a recorded answer."""
    answer = ReplayAnswer(
        key=document["key"],
        result=ReplayResult(document["result"]),
        reasons=tuple(ReplayReason(**reason) for reason in document["reasons"]),
        total=money_from_document(document.get("total")),
    )
    return RecordedAnswer(document["replay_id"], answer, document["at"])


def query_of(wanted: Selection) -> Document:
    """Give the query for a selection, but for its keys. It begins with an index by state."""
    query: Document = {}
    if wanted.store_id is not None:
        query["store_id"] = wanted.store_id
    dates = present(**{"$gte": wanted.since, "$lte": wanted.until})
    if dates:
        query["purchase_date"] = dates
    if wanted.sku is not None or wanted.reason in set(BlockerCode):
        query["import.state"] = ImportState.BLOCKED
        query["$or"] = [{"import.reasons": {"$elemMatch": one}} for one in _blockers_of(wanted)]
    elif wanted.reason is not None:
        query["import.state"] = {"$in": states_with(wanted.reason)}
        query["import.reasons"] = wanted.reason
    elif wanted.state is not None:
        query["import.state"] = wanted.state
    elif wanted.keys is None:
        skipped = {"import.state": ImportState.SKIPPED}
        disabled = {"import.reasons": SkipReason.IMPORT_DISABLED}
        query["$or"] = [{"import.state": ImportState.BLOCKED}, skipped | disabled]
        if wanted.non_amazon_stores:
            not_sold = {"import.reasons": SkipReason.NOT_SOLD_ON_AMAZON}
            of_stores = {"store_id": {"$in": list(wanted.non_amazon_stores)}}
            query["$or"].append(skipped | not_sold | of_stores)
    return query


def _blockers_of(wanted: Selection) -> list[Document]:
    code: Document = present(code=wanted.reason)
    if wanted.sku is None:
        return [code]
    return [code | {name: wanted.sku} for name in ("sku", "seller_sku")]
