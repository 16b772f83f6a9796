"""Refusals: why bytes became a dead letter. Values, not exceptions."""

from enum import StrEnum

from models.base import Value


class DeadLetterCode(StrEnum):
    """Why a message was not taken. Stable for ever."""

    MALFORMED_JSON = "malformed-json"
    UNKNOWN_PAYLOAD = "unknown-payload"
    INVALID_ORDER = "invalid-order"
    UNKNOWN_STORE = "unknown-store"
    TOO_LARGE = "too-large"


class Refusal(Value):
    """One clear error: the code, the field, and what was expected. Never the input itself."""

    code: DeadLetterCode
    message: str
