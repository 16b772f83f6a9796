"""What a replica set in trouble answers: its codes, their labels, and what it did before.

A `Fault` is a sequence of answers to one command and to those that ask for the same again.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import product
from typing import Any, NamedTuple

Document = dict[str, Any]
CODES = {
    10107: "NotWritablePrimary",
    189: "PrimarySteppedDown",
    11602: "InterruptedDueToReplStateChange",
    91: "ShutdownInProgress",
    251: "NoSuchTransaction",
    112: "WriteConflict",
    388: "TransactionTooLargeForCache",
    50: "MaxTimeMSExpired",
    262: "ExceededTimeLimit",
}
"""Errors a command may be answered with, by number."""
WRITE_CONCERN_CODES = {code: CODES[code] for code in (189, 11602, 91)} | {64: "WriteConcernTimeout"}
"""Errors of a write that the primary did, and of which it does not know who else has it."""
NONE = "no answer"
RETRYABLE = frozenset({91, 189, 262, 10107, 11602})
_UNKNOWN_COMMIT = RETRYABLE | {50, 64}
_LONG = 16
"""More commits than are asked for within `storage.retry.COMMIT_SECONDS`."""


class When(StrEnum):
    """What the server did before the answer."""

    BEFORE = "before it did it"
    AFTER = "after it did it"
    ABORTED = "after it ended the transaction"


class Command(NamedTuple):
    """A command as a client sends it."""

    request: int
    body: Document

    @property
    def name(self) -> str:
        return next(iter(self.body))

    @property
    def ends_transaction(self) -> bool:
        return self.name in {"commitTransaction", "abortTransaction"}

    @property
    def kind(self) -> str:
        """The name, and whether it is one of several in a transaction."""
        inside = self.body.get("autocommit") is False and not self.ends_transaction
        return f"{self.name} in a transaction" if inside else self.name

    @property
    def is_retryable_write(self) -> bool:
        return "txnNumber" in self.body and "autocommit" not in self.body

    @property
    def session(self) -> object:
        return self.body.get("lsid", {}).get("id")


class Answer(NamedTuple):
    """One answer; without a code there is none, and the connection is cut."""

    when: When
    code: int | None = None
    in_write_concern: bool = False

    @property
    def label(self) -> str:
        """What `docs/faults.md` calls it."""
        return NONE if self.code is None else f"{self.code}{'w' * self.in_write_concern}"

    def to(self, command: Command, done: Document) -> Document:
        """Return it as the server would write it, given what it wrote when it had `done` it."""
        code = self.code or 0
        name = (WRITE_CONCERN_CODES if self.in_write_concern else CODES)[code]
        told: Document = {"code": code, "codeName": name, "errmsg": f"as in trouble: {name}"}
        told = {**done, "writeConcernError": told} if self.in_write_concern else {"ok": 0.0, **told}
        found = _labels(command, code, in_write_concern=self.in_write_concern)
        return told | ({"errorLabels": found} if found else {})


Fault = tuple[Answer, ...]


def faults_of(command: Command) -> Sequence[Fault]:
    """Return all there is to try at a command of this kind."""
    plain = [
        (Answer(when, code),) * times
        for code, when, times in product([*CODES, None], [When.BEFORE, When.AFTER], [1, 3])
    ]
    if command.ends_transaction:
        plain += [(Answer(When.ABORTED, code),) for code in [*CODES, None]]
    if command.is_retryable_write or command.name == "commitTransaction":
        plain += [
            (Answer(When.AFTER, code, in_write_concern=True),) * times
            for code, times in product(WRITE_CONCERN_CODES, [1, 3])
        ]
    return [*plain, *COMMITS] if command.name == "commitTransaction" else plain


COMMITS: Sequence[Fault] = (
    # Done, and the next primary does not know it yet, or never will.
    (Answer(When.AFTER), Answer(When.BEFORE, 251)),
    (Answer(When.AFTER, 189), Answer(When.BEFORE, 251)),
    (Answer(When.AFTER, 50), Answer(When.BEFORE, 251)),
    (Answer(When.BEFORE), Answer(When.ABORTED, 251)),
    (Answer(When.BEFORE, 189), Answer(When.ABORTED, 251)),
    # Longer than it is asked for.
    (Answer(When.AFTER, 50), *(Answer(When.BEFORE, 50),) * _LONG),
    (Answer(When.BEFORE, 50),) * _LONG,
)
"""What becomes of a commit that is asked for again."""


def _labels(command: Command, code: int, *, in_write_concern: bool) -> list[str]:
    """Return what MongoDB's manual says of such an error at such a command."""
    found = []
    if command.ends_transaction:
        if code in RETRYABLE:
            found.append("RetryableWriteError")
        if code in {112, 251} and not in_write_concern:
            found.append("TransientTransactionError")
        if command.name == "commitTransaction" and code in _UNKNOWN_COMMIT:
            found.append("UnknownTransactionCommitResult")
    elif "autocommit" in command.body:
        if code in RETRYABLE | {112, 251}:
            found.append("TransientTransactionError")
    elif command.is_retryable_write and code in RETRYABLE:
        found.append("RetryableWriteError")
    return found
