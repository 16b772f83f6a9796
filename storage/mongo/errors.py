"""What the driver's errors mean, in words that have nothing of what was to be stored in them.

The driver quotes: the failed document, a key that is there already, the connection string. None
of it leaves this module; an error is told by its type, the server's code, and for a bulk write
the operation and the collection.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

from bson.errors import BSONError
from pymongo import InsertOne
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

NO_SUCH_TRANSACTION = 251
_DUPLICATE_KEY = 11000
_TRANSIENT = "TransientTransactionError"
_RETRYABLE = ("RetryableWriteError", "RetryableError", "UnknownTransactionCommitResult")

_BUSY = frozenset({24, 46, 112, 225, 239, 246, NO_SUCH_TRANSACTION, 290})
"""Another transaction, or the server, ended this one: nothing of it is stored.

LockTimeout, LockBusy, WriteConflict, TransactionTooOld, SnapshotTooOld, SnapshotUnavailable,
NoSuchTransaction, TransactionExceededLifetimeLimitSeconds.
"""

_UNAVAILABLE = frozenset(
    {
        *(6, 7, 43, 50, 63, 64, 89, 91, 133, 134, 189, 202, 237, 262, 365, 9001, 10058, 10107),
        *(11600, 11601, 11602, 13388, 13435, 13436, 14031),
    }
)
"""A node that is starting, stopping, handing over, or short of something that comes back.

HostUnreachable, HostNotFound, CursorNotFound, MaxTimeMSExpired, StaleShardVersion,
WriteConcernFailed, NetworkTimeout, ShutdownInProgress, FailedToSatisfyReadPreference,
ReadConcernMajorityNotAvailableYet, PrimarySteppedDown, NetworkInterfaceExceededTimeLimit,
CursorKilled, ExceededTimeLimit, TemporarilyUnavailable, SocketException, LegacyNotPrimary,
NotWritablePrimary; InterruptedAtShutdown, Interrupted, InterruptedDueToReplStateChange,
StaleConfig, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary, OutOfDiskSpace.
"""

_CACHE_FULL = 388
_TOO_LARGE = frozenset({257, _CACHE_FULL, 10334, 17420})
"""Less at once may fit.

TransactionTooLarge, TransactionTooLargeForCache, BSONObjectTooLarge, and a document larger than
16 MiB after an update.
"""


class Meaning(Enum):
    """What to do about an error of the driver's."""

    BUSY = auto()
    """Another transaction was in the way: run this one again, in a moment."""
    UNAVAILABLE = auto()
    """The database does not serve just now: wait, and ask again. What it did is unknown."""
    TOO_LARGE = auto()
    """More than it takes in one transaction, or in one document: try less."""
    BROKEN = auto()
    """It refused, and will refuse again."""


class WriteConflict(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Another transaction changed the same document; this one may be tried again."""


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
    """Return whether another transaction was in the way."""
    return meaning_of(error) is Meaning.BUSY


@contextmanager
def translated(*, in_transaction: bool = False) -> Iterator[None]:
    """Turn the driver's errors into ours, without their text.

    Args:
        in_transaction: Whether it is a transaction that is run. Outside of one there is no less to
            try where the server's cache is full: that is a matter of waiting.

    Raises:
        StorageUnavailable: The database does not serve just now, or (`StorageBusy`) another
            transaction is in the way.
        TransactionTooLarge: Less of it may fit.
        StorageBroken: It refused.
    """
    try:
        yield
    except ConfigurationError:
        raise  # a setting is wrong, and whoever reads settings says which
    except (PyMongoError, BSONError) as error:
        match meaning_of(error):
            case Meaning.BUSY:
                raise StorageBusy(words_of(error)) from None
            case Meaning.UNAVAILABLE:
                raise StorageUnavailable(words_of(error)) from None
            case Meaning.TOO_LARGE if not in_transaction and _CACHE_FULL in codes_of(error):
                raise StorageUnavailable(words_of(error)) from None
            case Meaning.TOO_LARGE:
                raise TransactionTooLarge(words_of(error)) from None
            case Meaning.BROKEN:
                raise StorageBroken(words_of(error)) from None


def words_of(error: BaseException) -> str:
    """Return an error's type and codes."""
    return " ".join([type(error).__name__, *map(str, sorted(codes_of(error)))])


def inside(error: ClientBulkWriteException, batch: Sequence[Any]) -> Exception:
    """Return what went wrong inside a bulk write: the driver wraps it and drops its labels."""
    duplicates = [
        batch[one["idx"]] for one in _write_errors(error) if one.get("code") == _DUPLICATE_KEY
    ]
    if any(_collection(one) == "checkpoints" for one in duplicates):
        return Fenced("a checkpoint was moved by another")
    if duplicates:
        return DuplicateKey(_collection(duplicates[0]), _id_of(duplicates[0]))
    if _DUPLICATE_KEY in codes_of(error):
        return DuplicateKey("bulk write", "a key")
    cause: object = error.error
    if isinstance(cause, Exception):
        return cause
    if is_conflict(error):
        return WriteConflict("in a bulk write")
    failed = {_named(batch[one["idx"]]) for one in _write_errors(error)}
    words = f"{words_of(error)} in {', '.join(sorted(failed))}"
    match meaning_of(error):
        case Meaning.BROKEN if failed:
            return StorageBroken(words)
        case Meaning.TOO_LARGE if failed:
            return TransactionTooLarge(words)
        case _:
            return error


def _named(operation: Any) -> str:
    """Return `UpdateOne checkpoints` for an operation of a bulk write."""
    return f"{type(operation).__name__} {_collection(operation)}"


def _collection(operation: Any) -> str:
    name: str = operation._namespace  # noqa: SLF001 - the driver tells it nowhere else
    return name.partition(".")[2]


def _id_of(operation: Any) -> str:
    """Return the id of what an operation writes: a key of ours, and nothing of a payload."""
    told: Any = getattr(operation, "_doc", None) if isinstance(operation, InsertOne) else None
    return str((told or operation._filter)["_id"])  # noqa: SLF001 - the same


def codes_of(error: BaseException) -> set[int]:
    """Return all codes in an error, also those of what it wraps."""
    if isinstance(error, ClientBulkWriteException):
        concerns: Any = error.write_concern_errors
        found = {one.get("code") for one in (*_write_errors(error), *(concerns or ()))}
        return {code for code in found if isinstance(code, int)} | _codes_in(error.error)
    return _codes_in(error)


def _write_errors(error: ClientBulkWriteException) -> list[Mapping[str, Any]]:
    failures: Any = error.write_errors
    return list(failures or ())


def _codes_in(told: object) -> set[int]:
    """Return the code of an error, which is an exception or the server's own answer."""
    answer = told if isinstance(told, dict) else getattr(told, "details", None)
    codes = {getattr(told, "code", None)} if isinstance(told, PyMongoError) else set()
    codes |= {answer.get("code")} if isinstance(answer, dict) else set()
    return {code for code in codes if isinstance(code, int)}


def _labels(error: BaseException) -> set[str]:
    told: object = error.error if isinstance(error, ClientBulkWriteException) else error
    if isinstance(told, dict):
        return set(told.get("errorLabels", ()))
    if not isinstance(told, PyMongoError):
        return set()
    return {label for label in (_TRANSIENT, *_RETRYABLE) if told.has_error_label(label)}
