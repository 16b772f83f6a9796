"""What the database's errors mean: busy, away, or broken; told without a word of the driver's."""

from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo import InsertOne, UpdateOne
from pymongo.errors import (
    AutoReconnect,
    ClientBulkWriteException,
    ConnectionFailure,
    DocumentTooLarge,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)
from pymongo.helpers_shared import _check_command_response

from models.errors import (
    DuplicateKey,
    Fenced,
    StorageBroken,
    StorageBusy,
    StorageUnavailable,
    TransactionTooLarge,
)
from storage import retry
from storage.mongo import storage as mongo
from storage.mongo.errors import (
    Meaning,
    WriteConflict,
    bulk_write_cause,
    meaning_of,
    translate_errors,
)

CANARY = "Jane Canary-Doe"
BUSY, AWAY, BROKEN = Meaning.BUSY, Meaning.UNAVAILABLE, Meaning.BROKEN
TOO_LARGE = Meaning.TOO_LARGE
TRANSIENT = "TransientTransactionError"

CODES = [
    (6, AWAY),
    (7, AWAY),
    (50, AWAY),
    (64, AWAY),
    (89, AWAY),
    (91, AWAY),
    (112, BUSY),
    (134, AWAY),
    (189, AWAY),
    (246, BUSY),
    (251, BUSY),
    (262, AWAY),
    (290, BUSY),
    (257, TOO_LARGE),
    (388, TOO_LARGE),
    (10334, TOO_LARGE),
    (17420, TOO_LARGE),
    (9001, AWAY),
    (10107, AWAY),
    (11600, AWAY),
    (11602, AWAY),
    (13435, AWAY),
    (13436, AWAY),
    (14031, AWAY),
    (13, BROKEN),  # Unauthorized
    (18, BROKEN),  # AuthenticationFailed
    (20, BROKEN),  # IllegalOperation: no replica set
    (121, BROKEN),  # DocumentValidationFailure
]


def answered(code: int, *labels: str) -> PyMongoError:
    """The error that the driver makes of a server's answer."""
    answer = {"ok": 0, "code": code, "errmsg": CANARY, "errorLabels": list(labels)}
    with pytest.raises(PyMongoError) as met:
        _check_command_response(answer, None)
    return met.value


def bulk(**details: Any) -> ClientBulkWriteException:
    return ClientBulkWriteException({"error": None, "writeErrors": [], **details}, verbose=False)


def failed(code: int) -> dict[str, Any]:
    return {"idx": 0, "code": code, "errmsg": CANARY, "op": {"insert": 1, "document": CANARY}}


@pytest.mark.parametrize(("code", "meaning"), CODES)
def test_a_code_means_the_same_wherever_the_driver_puts_it(code: int, meaning: Meaning) -> None:
    assert meaning_of(answered(code)) is meaning
    labels = ["RetryableWriteError"] if meaning is AWAY else []
    assert meaning_of(answered(code, *labels)) is meaning
    for error in (
        bulk(error=answered(code)),
        bulk(error={"ok": 0, "code": code, "errmsg": CANARY}),
        bulk(writeErrors=[failed(code)]),
        bulk(writeConcernErrors=[{"code": code, "errmsg": CANARY}]),
    ):
        assert meaning_of(error) is meaning
        got = bulk_write_cause(error, [InsertOne({}, namespace="db.dead_letters")])
        ours: dict[type[Exception], Meaning] = {
            StorageBroken: BROKEN,
            TransactionTooLarge: TOO_LARGE,
        }
        assert (ours.get(type(got)) or meaning_of(got)) is meaning


@pytest.mark.parametrize(("code", "meaning"), CODES)
def test_a_transaction_that_the_server_calls_transient_is_run_again(
    code: int, meaning: Meaning
) -> None:
    again = BUSY if meaning is BROKEN else meaning
    assert meaning_of(answered(code, TRANSIENT)) is again
    assert meaning_of(bulk(error=answered(code, TRANSIENT))) is again
    told = {"ok": 0, "code": code, "errorLabels": [TRANSIENT]}
    assert meaning_of(bulk(error=told)) is again


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect(CANARY),
        ConnectionFailure(CANARY),
        NetworkTimeout(CANARY),
        ServerSelectionTimeoutError(CANARY),
        WaitQueueTimeoutError(CANARY),
        WTimeoutError(CANARY, 64),
        bulk(error=NetworkTimeout(CANARY)),
    ],
)
def test_who_does_not_answer_is_away(error: PyMongoError) -> None:
    assert meaning_of(error) is AWAY or meaning_of(bulk_write_cause(error, [])) is AWAY  # type: ignore[arg-type]  # one is a bulk write


@pytest.mark.parametrize(
    ("error", "ours", "words"),
    [
        (answered(112), StorageBusy, "OperationFailure 112"),
        (answered(10107), StorageUnavailable, "NotPrimaryError 10107"),
        (answered(50), StorageUnavailable, "ExecutionTimeout 50"),
        (ServerSelectionTimeoutError(CANARY), StorageUnavailable, "ServerSelectionTimeoutError"),
        (answered(13), StorageBroken, "OperationFailure 13"),
        (InvalidDocument(CANARY), StorageBroken, "InvalidDocument"),
        (DocumentTooLarge(CANARY), TransactionTooLarge, "DocumentTooLarge"),
        (answered(17420), TransactionTooLarge, "OperationFailure 17420"),
        (answered(388), StorageUnavailable, "OperationFailure 388"),
    ],
)
def test_errors_are_told_by_type_and_code(
    error: Exception, ours: type[Exception], words: str
) -> None:
    def ask() -> None:
        with translate_errors():
            raise error

    with pytest.raises(ours) as met:
        ask()
    assert str(met.value) == words


def test_a_transaction_too_large_for_the_cache_may_be_tried_with_less() -> None:
    def run() -> None:
        with translate_errors(in_transaction=True):
            raise answered(388)

    with pytest.raises(TransactionTooLarge, match="OperationFailure 388"):
        run()


def test_a_failed_write_names_the_operation_and_the_collection_and_nothing_of_the_document() -> (
    None
):
    dead_letter = UpdateOne({"_id": CANARY}, {"$set": {"of": CANARY}}, namespace="db.dead_letters")
    got = bulk_write_cause(bulk(writeErrors=[failed(17420)]), [dead_letter])
    assert isinstance(got, TransactionTooLarge)
    assert str(got) == "ClientBulkWriteException 17420 in UpdateOne dead_letters"


def test_a_position_that_is_another_fences_and_what_is_there_already_is_named() -> None:
    moved = UpdateOne({"_id": "t:0"}, {"$set": {}}, upsert=True, namespace="db.checkpoints")
    assert isinstance(bulk_write_cause(bulk(writeErrors=[failed(11000)]), [moved]), Fenced)
    for collection in ("amazon_orders", "commerce_orders", "events"):
        document = {"_id": "us/1", "buyer": CANARY}
        there: Any = InsertOne(document, namespace=f"db.{collection}")
        found = bulk_write_cause(bulk(writeErrors=[failed(11000), failed(112)]), [there])
        assert isinstance(found, DuplicateKey)
        assert (found.collection, found.key) == (collection, "us/1")
        assert CANARY not in str(found)
        # Who has lost a partition has also lost what was decided on it since.
        lost = bulk(writeErrors=[failed(11000), failed(11000) | {"idx": 1}])
        assert isinstance(bulk_write_cause(lost, [moved, there]), Fenced)
    assert isinstance(bulk_write_cause(bulk(writeErrors=[failed(112)]), []), WriteConflict)


class Session:
    """Answers commits one after the other, the last one for ever."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def commit_transaction(self) -> None:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if answer is not None:
            raise answer


UNKNOWN = "UnknownTransactionCommitResult"


async def commit(session: Any) -> None:
    await mongo._commit(session)


@pytest.mark.parametrize("code", [6, 7, 50, 64, 89, 91, 189, 262, 10107, 11602])
async def test_a_commit_whose_result_stays_unknown_is_asked_for_with_pauses_and_not_for_ever(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "COMMIT_SECONDS", 0.3)
    session = Session(OperationFailure(CANARY, code, {"errorLabels": [UNKNOWN]}))
    with pytest.raises(StorageUnavailable) as met:
        await commit(session)
    # The pauses double from 50 ms on: a slow machine asks less often, none more often.
    assert session.asked <= 4
    assert str(met.value) == f"commit: OperationFailure {code}"


async def test_a_commit_that_is_answered_the_second_time_is_done() -> None:
    session = Session(answered(64, UNKNOWN), None)
    await commit(session)
    assert session.asked == 2


async def test_a_commit_that_is_known_to_have_failed_is_a_conflict() -> None:
    session = Session(answered(112, TRANSIENT))
    with pytest.raises(OperationFailure) as met:
        await commit(session)
    assert meaning_of(met.value) is BUSY
    assert session.asked == 1


@pytest.mark.parametrize(
    "answers",
    [
        [answered(251, TRANSIENT)],
        [answered(64, UNKNOWN), answered(251, TRANSIENT)],
        [answered(91, UNKNOWN), answered(112, TRANSIENT)],
        [answered(91, UNKNOWN), answered(13)],
    ],
)
async def test_whether_it_was_stored_after_all_is_left_to_the_position(
    answers: list[Exception],
) -> None:
    with pytest.raises(StorageUnavailable):
        await commit(Session(*answers))
