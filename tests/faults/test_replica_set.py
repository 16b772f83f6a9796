"""What the proxy says in a replica set's stead: labels as MongoDB's manual has them."""

from typing import Any

import bson
import pytest

from tests.faults.campaigns.replica_set import Walk
from tests.faults.command_proxy import command_in, message_of
from tests.faults.replica_set import CODES, Answer, Command, When, faults_of

FIND = Command(1, {"find": "orders", "lsid": {"id": 1}})
UPDATE = Command(2, {"update": "orders", "lsid": {"id": 1}, "txnNumber": 7})
IN_TRANSACTION = Command(3, FIND.body | {"txnNumber": 8, "autocommit": False})
COMMIT = Command(4, {"commitTransaction": 1, "txnNumber": 8, "autocommit": False})
ABORT = Command(5, {"abortTransaction": 1, "txnNumber": 8, "autocommit": False})
WRITE, TRANSIENT, UNKNOWN = (
    "RetryableWriteError",
    "TransientTransactionError",
    "UnknownTransactionCommitResult",
)


@pytest.mark.parametrize(
    ("command", "code", "labels"),
    [
        *((FIND, code, []) for code in CODES),
        *((UPDATE, code, [WRITE]) for code in (10107, 189, 11602, 91, 262)),
        *((UPDATE, code, []) for code in (251, 112, 388, 50)),
        *((IN_TRANSACTION, code, [TRANSIENT]) for code in (10107, 189, 11602, 91, 262, 251, 112)),
        *((IN_TRANSACTION, code, []) for code in (388, 50)),
        *((COMMIT, code, [WRITE, UNKNOWN]) for code in (10107, 189, 11602, 91, 262)),
        *((COMMIT, code, [TRANSIENT]) for code in (251, 112)),
        (COMMIT, 50, [UNKNOWN]),
        (COMMIT, 388, []),
        (ABORT, 189, [WRITE]),
    ],
)
def test_an_error_has_the_labels_of_its_place(
    command: Command, code: int, labels: list[str]
) -> None:
    told = Answer(When.BEFORE, code).to(command, {})
    assert (told["ok"], told["code"], told["codeName"]) == (0, code, CODES[code])
    assert told.get("errorLabels", []) == labels


def test_an_error_of_the_write_concern_stands_beside_what_was_done() -> None:
    answer = Answer(When.AFTER, 64, in_write_concern=True)
    told = answer.to(COMMIT, {"ok": 1.0, "recoveryToken": 1})
    assert (told["ok"], told["recoveryToken"], told["writeConcernError"]["code"]) == (1.0, 1, 64)
    assert told["errorLabels"] == [UNKNOWN]


def test_a_command_is_read_wherever_its_document_stands() -> None:
    plain = message_of(FIND.body, request=1)
    assert command_in(plain) == FIND
    # Documents in a sequence of their own, as a bulk write has them, may come before it.
    sequence = b"ops\0" + bson.encode({"insert": 0})
    more = b"\1" + (4 + len(sequence)).to_bytes(4, "little") + sequence
    assert command_in(plain[:20] + more + plain[20:]) == FIND
    unanswered = plain[:16] + b"\2" + plain[17:]
    assert command_in(unanswered) is None


def test_shares_are_all_there_is_and_none_of_it_twice() -> None:
    def walked(share: slice) -> list[Any]:
        walk = Walk(faults_of, share)
        return [fault for _ in range(100) if (fault := walk.choose(COMMIT)) is not None]

    shared = [fault for n in range(4) for fault in walked(slice(n, None, 4))]
    assert sorted(shared, key=str) == sorted(faults_of(COMMIT), key=str)
    assert {fault[0].code for fault in shared} == {*CODES, 64, None}
