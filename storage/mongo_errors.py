"""What the driver's errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.errors import (
    ClientBulkWriteException,
    ConnectionFailure,
    ExecutionTimeout,
    NotPrimaryError,
    PyMongoError,
    WTimeoutError,
)

from models.errors import PositionLost, StorageUnavailable

NO_SUCH_TRANSACTION = 251
_DUPLICATE_KEY = 11000
_WRITE_CONFLICT = 112
_UNAVAILABLE = (ConnectionFailure, NotPrimaryError, ExecutionTimeout, WTimeoutError)
_RETRYABLE_CODES = frozenset({6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
"""Server errors of a node that is starting, stopping or handing over."""


class WriteConflict(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Another transaction changed the same document; this one may be tried again."""


def is_conflict(error: BaseException) -> bool:
    """Say whether another transaction was in the way."""
    return isinstance(error, WriteConflict) or (
        isinstance(error, PyMongoError)
        and not isinstance(error, ConnectionFailure)
        and error.has_error_label("TransientTransactionError")
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors of a database that does not answer into one of ours."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StorageUnavailable(type(error).__name__) from error
    except PyMongoError as error:
        code = getattr(error, "code", None)
        if code in _RETRYABLE_CODES:
            raise StorageUnavailable(f"{type(error).__name__} {code}") from error
        raise


def inside(error: ClientBulkWriteException) -> Exception:
    """Give what went wrong inside a bulk write: the driver wraps it and drops its labels."""
    failures: list[Any] = list(error.write_errors or ())
    codes = {failed["code"] for failed in failures}
    if _DUPLICATE_KEY in codes:
        return PositionLost("a position was moved by another, or what is stored is there already")
    if _WRITE_CONFLICT in codes or getattr(error.error, "code", None) == _WRITE_CONFLICT:
        return WriteConflict("in a bulk write")
    return error.error if isinstance(error.error, Exception) else error
