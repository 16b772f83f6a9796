"""A dead letter as it is shown: its bytes as text, and what of them may be seen."""

import base64
import re
from dataclasses import dataclass
from typing import Any

from handlers.payloads.json_text import looks_like_object, parse_json
from order_import.dead_letters.masking import MASK, masked, masked_name, masked_text
from storage.dead_letters import KeptLetter, Redrive

PREVIEW = 4_000
"""How many characters of a value that is no JSON are shown."""

_OPEN_HEADERS = re.compile(
    r"ce_[a-z]+|content-type|traceparent|tracestate|store-id|redrive-count|redriven-from"
    r"|error-code|__connect\.errors\..+|__TypeId__"
)
_PLAIN = re.compile(r"[\w./:;=+ -]{0,256}", re.ASCII)
_DIGITS_AND_IDS = re.compile(r"[A-Za-z0-9][\w./:-]{0,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LetterView:
    """A letter for people. `value` is JSON where `is_json`, else a piece of text, or None.

    `raw` is the value's base64, which is only there when nothing is masked.
    """

    dead_letter_id: str
    code: str
    message: str
    at: Any
    topic: str
    partition: int
    offset: int
    key: str | None
    headers: tuple[tuple[str, str], ...]
    size: int | None
    is_json: bool
    value: Any
    is_cut: bool
    masked: bool
    raw: str | None
    redriven: tuple[Redrive, ...]
    chain: int


def view_of(kept: KeptLetter, *, unmask: bool = False) -> LetterView:
    """Give a letter as it is shown; a buyer is masked unless asked otherwise."""
    letter = kept.letter
    is_json, value, is_cut = _value_of(letter.value, unmask=unmask)
    raw = None
    if unmask and letter.value is not None:
        raw = base64.b64encode(letter.value).decode()
    return LetterView(
        dead_letter_id=letter.dead_letter_id,
        code=letter.code.value,
        message=letter.message,
        at=letter.at,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        key=None if letter.key is None else _shown(letter.key, _DIGITS_AND_IDS, unmask=unmask),
        headers=tuple(
            (
                name if unmask else masked_name(name),
                _shown(
                    value or b"", _PLAIN if _OPEN_HEADERS.fullmatch(name) else None, unmask=unmask
                ),
            )
            for name, value in letter.headers
        ),
        size=None if letter.value is None else len(letter.value),
        is_json=is_json,
        value=value,
        is_cut=is_cut,
        masked=not unmask,
        raw=raw,
        redriven=kept.redriven,
        chain=kept.chain,
    )


def escaped(raw: bytes) -> str:
    r"""Give bytes as text; those that are none as `\xff`."""
    return raw.decode("utf-8", errors="backslashreplace")


def _value_of(raw: bytes | None, *, unmask: bool) -> tuple[bool, Any, bool]:
    """Give whether it is JSON, what is shown of it, and whether something was cut off."""
    if raw is None:
        return False, None, False
    try:
        value = _parsed(raw)
        return True, value if unmask else masked(value), False
    except (ValueError, RecursionError):
        text = escaped(raw[: PREVIEW + 4])[:PREVIEW]
        return False, text if unmask else masked_text(text), len(raw) > PREVIEW


def _parsed(raw: bytes) -> Any:
    value = parse_json(raw)
    # A notification may come encoded once more.
    return parse_json(value) if isinstance(value, str) and looks_like_object(value) else value


def _shown(raw: bytes, allowed: re.Pattern[str] | None, *, unmask: bool) -> str:
    """Give a key or a header; unless asked for, only what is of an expected form."""
    text = escaped(raw)
    if unmask or (allowed is not None and allowed.fullmatch(text)):
        return text
    return MASK
