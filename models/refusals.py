"""Refusals: why bytes became a dead letter. Values, not exceptions."""

from enum import StrEnum

from models.base import Value


class DeadLetterCode(StrEnum):
    """Why a message was not taken. Stable for ever."""

    MALFORMED_JSON = "malformed-json"
    UNKNOWN_PAYLOAD = "unknown-payload"
    INVALID_ORDER = "invalid-order"
    INVALID_MESSAGE = "invalid-message"
    """As `invalid-order`, on every topic but that of orders."""
    UNKNOWN_STORE = "unknown-store"
    STORE_MISMATCH = "store-mismatch"
    TOO_LARGE = "too-large"
    ALREADY_STORED = "already-stored"
    """What it would store is there already, though nothing says that it was decided."""
    UNREADABLE = "unreadable"
    """Kafka's own format does not let the bytes through."""


class Rejection(Value):
    """One clear error: the code, the field, and what was expected. Never the input itself."""

    code: DeadLetterCode
    message: str
