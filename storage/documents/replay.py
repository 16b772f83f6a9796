"""`replays` and `replay_results` documents, and the query for a replay's orders."""

from dataclasses import asdict
from datetime import UTC, datetime

from models.outcome import ImportState, states_with
from models.reasons import BlockerCode, SkipReason
from models.replay import (
    RecordedAnswers,
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
    """Return the fields of a replay without `_id`."""
    fields = {name: getattr(replay, name) for name in _REPLAY_FIELDS}
    return fields | {"state": replay.state, "filter": dict(replay.criteria)}


def replay_from_document(document: Document) -> Replay:
    """Return a stored replay."""
    return Replay(
        replay_id=document["_id"],
        state=ReplayState(document["state"]),
        criteria=document["filter"],
        **{name: document[name] for name in _REPLAY_FIELDS},
    )


_REPLAY_FIELDS = (
    "who",
    "reason_text",
    "selected",
    "started_at",
    "moved_at",
    "step",
    "done",
    "finished_at",
    "results",
)


def replay_part_to_document(part: ReplayPart) -> Document:
    """Return the document with the orders of one step."""
    return {"_id": part.part_id, "keys": list(part.keys)}


def sync_id(scope: str) -> str:
    """Return the id in `timers` of the last sync of a store, or of all stores."""
    return f"synced:{scope}"


def answers_to_document(recorded: RecordedAnswers) -> Document:
    """Return the document of a step's answers."""
    return {
        "_id": recorded.result_id,
        "replay_id": recorded.replay_id,
        "step": recorded.step,
        "part": recorded.part,
        "answers": [
            {
                "key": answer.key,
                "result": answer.result,
                "reasons": [present(**asdict(reason)) for reason in answer.reasons],
                **present(total=money_to_document(answer.total)),
            }
            for answer in recorded.answers
        ],
        "at": recorded.at,
    }


def answers_from_document(document: Document) -> RecordedAnswers:
    """Return the stored answers of a step."""
    answers = tuple(
        ReplayAnswer(
            key=answer["key"],
            result=ReplayResult(answer["result"]),
            reasons=tuple(ReplayReason(**reason) for reason in answer["reasons"]),
            total=money_from_document(answer.get("total")),
        )
        for answer in document["answers"]
    )
    fields = {name: document[name] for name in ("replay_id", "step", "part", "at")}
    return RecordedAnswers(answers=answers, **fields)


def selection_to_query(selection: Selection) -> Document:
    """Return the query for a selection, without its keys. It begins with an index by state."""
    query = present(store_id=selection.store_id)
    dates = present(**{"$gte": selection.since, "$lte": selection.until})
    if dates:
        query["purchase_date"] = dates
    if selection.sku is not None or selection.reason in set(BlockerCode):
        query["import.state"] = ImportState.BLOCKED
        query["$or"] = [
            {"import.reasons": {"$elemMatch": blocker}}
            for blocker in _blocker_conditions(selection)
        ]
    elif selection.reason is not None:
        query["import.state"] = {"$in": states_with(selection.reason)}
        query["import.reasons"] = selection.reason
    elif selection.state is not None:
        query["import.state"] = selection.state
    elif selection.keys is None:
        skipped = {"import.state": ImportState.SKIPPED}
        disabled = {"import.reasons": SkipReason.IMPORT_DISABLED}
        query["$or"] = [{"import.state": ImportState.BLOCKED}, skipped | disabled]
        if selection.non_amazon_stores:
            not_sold = {"import.reasons": SkipReason.NOT_SOLD_ON_AMAZON}
            of_stores = {"store_id": {"$in": list(selection.non_amazon_stores)}}
            query["$or"].append(skipped | not_sold | of_stores)
    return query


def _blocker_conditions(selection: Selection) -> list[Document]:
    code: Document = present(code=selection.reason)
    if selection.sku is None:
        return [code]
    return [code | {name: selection.sku} for name in ("sku", "seller_sku")]
