"""The driver's errors as errors of ours, with nothing of the stored data in their text.

The driver quotes the failed document, a duplicate key, the connection string. None of that leaves
this module: an error's text has its type, the server's code, and for a bulk write the operation
and the collection.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

from bson.errors import BSONError
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import (
    ClientBulkWriteException,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    PyMongoError,
)

from models.errors import (
    DuplicateKey,
    Fenced,
    StorageBroken,
    StorageBusy,
    StorageUnavailable,
    TransactionTooLarge,
)
from storage.documents.values import Document

Operation = InsertOne[Document] | ReplaceOne[Document] | UpdateOne | UpdateMany | DeleteOne
"""What a bulk write of ours consists of."""

NO_SUCH_TRANSACTION = 251
_DUPLICATE_KEY = 11000
_BUYER_DATA = frozenset({"buyer_data", "buyer_keys"})
_TRANSIENT = "TransientTransactionError"
_RETRYABLE = ("RetryableWriteError", "RetryableError", "UnknownTransactionCommitResult")

_BUSY = frozenset({24, 46, 112, 225, 239, 246, NO_SUCH_TRANSACTION, 290})
"""Another transaction, or the server, aborted this one: nothing of it is stored.

LockTimeout, LockBusy, WriteConflict, TransactionTooOld, SnapshotTooOld, SnapshotUnavailable,
NoSuchTransaction, TransactionExceededLifetimeLimitSeconds.
"""

_UNAVAILABLE = frozenset(
    {
        *(6, 7, 43, 50, 63, 64, 89, 91, 133, 134, 189, 202, 237, 262, 365, 9001, 10058, 10107),
        *(11600, 11601, 11602, 13388, 13435, 13436, 14031),
    }
)
"""A node that starts, stops, steps down, or lacks something for a while.

HostUnreachable, HostNotFound, CursorNotFound, MaxTimeMSExpired, StaleShardVersion,
WriteConcernFailed, NetworkTimeout, ShutdownInProgress, FailedToSatisfyReadPreference,
ReadConcernMajorityNotAvailableYet, PrimarySteppedDown, NetworkInterfaceExceededTimeLimit,
CursorKilled, ExceededTimeLimit, TemporarilyUnavailable, SocketException, LegacyNotPrimary,
NotWritablePrimary; InterruptedAtShutdown, Interrupted, InterruptedDueToReplStateChange,
StaleConfig, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary, OutOfDiskSpace.
"""

_CACHE_FULL = 388
_TOO_LARGE = frozenset({257, _CACHE_FULL, 10334, 17420})
"""Smaller writes may succeed.

TransactionTooLarge, TransactionTooLargeForCache, BSONObjectTooLarge, and a document larger than
16 MiB after an update.
"""


class Meaning(Enum):
    """What to do about an error of the driver's."""

    BUSY = auto()
    """A conflict with another transaction: retry in a moment."""
    UNAVAILABLE = auto()
    """The database is not available: wait and retry. What it did is unknown."""
    TOO_LARGE = auto()
    """More than fits in one transaction, or in one document: try less."""
    BROKEN = auto()
    """The database refused, and will refuse again."""


class WriteConflict(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Another transaction changed the same document; this one may be retried."""


class LeftoverBuyer(WriteConflict):
    """There is buyer data of an order that is new: the database was restored without the order."""


def meaning_of(error: BaseException) -> Meaning:
    """Return what an error of the driver's means, by its labels and its codes."""
    if isinstance(error, WriteConflict):
        return Meaning.BUSY
    inner: object = error.error if isinstance(error, ClientBulkWriteException) else error
    if isinstance(inner, ConnectionFailure):
        return Meaning.UNAVAILABLE
    codes, labels = codes_of(error), _labels(error)
    if codes & _TOO_LARGE or isinstance(inner, DocumentTooLarge):
        return Meaning.TOO_LARGE
    if codes & _UNAVAILABLE:
        return Meaning.UNAVAILABLE
    if codes & _BUSY or _TRANSIENT in labels:
        return Meaning.BUSY
    return Meaning.UNAVAILABLE if labels & {*_RETRYABLE} else Meaning.BROKEN


def is_conflict(error: BaseException) -> bool:
    """Return whether the error is a conflict with another transaction."""
    return meaning_of(error) is Meaning.BUSY


@contextmanager
def translate_errors(*, in_transaction: bool = False) -> Iterator[None]:
    """Turn the driver's errors into ours, without their text.

    Args:
        in_transaction: Whether a transaction is run. Outside of one, nothing can be made smaller
            if the server's cache is full: then it is unavailable for a while.

    Raises:
        StorageUnavailable: The database is not available.
        StorageBusy: The transaction conflicts with another one.
        TransactionTooLarge: A smaller transaction may succeed.
        StorageBroken: The database refused.
    """
    try:
        yield
    except ConfigurationError:
        raise  # the caller reports which setting is wrong
    except (PyMongoError, BSONError) as error:
        match meaning_of(error):
            case Meaning.BUSY:
                raise StorageBusy(describe(error)) from None
            case Meaning.UNAVAILABLE:
                raise StorageUnavailable(describe(error)) from None
            case Meaning.TOO_LARGE if not in_transaction and _CACHE_FULL in codes_of(error):
                raise StorageUnavailable(describe(error)) from None
            case Meaning.TOO_LARGE:
                raise TransactionTooLarge(describe(error)) from None
            case Meaning.BROKEN:
                raise StorageBroken(describe(error)) from None


def describe(error: BaseException) -> str:
    """Return an error's type and codes."""
    return " ".join([type(error).__name__, *map(str, sorted(codes_of(error)))])


def bulk_write_cause(error: ClientBulkWriteException, batch: Sequence[Operation]) -> Exception:
    """Return the cause of a failed bulk write: the driver wraps it and drops its labels."""
    duplicates = [
        batch[failure["idx"]]
        for failure in _write_errors(error)
        if failure.get("code") == _DUPLICATE_KEY
    ]
    if any(_collection(operation) == "checkpoints" for operation in duplicates):
        return Fenced("another worker moved a checkpoint")
    if duplicates and all(_collection(operation) in _BUYER_DATA for operation in duplicates):
        return LeftoverBuyer(_named(duplicates[0]))
    if duplicates:
        return DuplicateKey(_collection(duplicates[0]), _id_of(duplicates[0]))
    if _DUPLICATE_KEY in codes_of(error):
        return DuplicateKey("bulk write", "a key")
    cause: object = error.error
    if isinstance(cause, Exception):
        return cause
    if is_conflict(error):
        return WriteConflict("in a bulk write")
    failed = {_named(batch[failure["idx"]]) for failure in _write_errors(error)}
    text = f"{describe(error)} in {', '.join(sorted(failed))}"
    match meaning_of(error):
        case Meaning.BROKEN if failed:
            return StorageBroken(text)
        case Meaning.TOO_LARGE if failed:
            return TransactionTooLarge(text)
        case _:
            return error


def _named(operation: Operation) -> str:
    """Return `UpdateOne checkpoints` for an operation of a bulk write."""
    return f"{type(operation).__name__} {_collection(operation)}"


def _collection(operation: Operation) -> str:
    namespace: str = operation._namespace or ""  # noqa: SLF001 - it has no public name
    return namespace.partition(".")[2]


def _id_of(operation: Operation) -> str:
    """Return the id of the document that an operation writes: a key of ours, not of a payload."""
    name = "_doc" if isinstance(operation, InsertOne) else "_filter"
    return str(getattr(operation, name)["_id"])


def codes_of(error: BaseException) -> set[int]:
    """Return all codes in an error, also those of what it wraps."""
    if isinstance(error, ClientBulkWriteException):
        failures = (*_write_errors(error), *(error.write_concern_errors or ()))
        codes = {failure.get("code") for failure in failures}
        return {code for code in codes if isinstance(code, int)} | _codes_in(error.error)
    return _codes_in(error)


def _write_errors(error: ClientBulkWriteException) -> Sequence[Mapping[str, Any]]:
    failures: Any = error.write_errors
    return failures or ()


def _codes_in(error: object) -> set[int]:
    reply = error if isinstance(error, dict) else getattr(error, "details", None)
    codes = {getattr(error, "code", None)} if isinstance(error, PyMongoError) else set()
    codes |= {reply.get("code")} if isinstance(reply, dict) else set()
    return {code for code in codes if isinstance(code, int)}


def _labels(error: BaseException) -> set[str]:
    cause: object = error.error if isinstance(error, ClientBulkWriteException) else error
    if isinstance(cause, dict):
        return set(cause.get("errorLabels", ()))
    if not isinstance(cause, PyMongoError):
        return set()
    return {label for label in (_TRANSIENT, *_RETRYABLE) if cause.has_error_label(label)}
