"""A dead letter as it is shown: its bytes as text, and what of them may be seen."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from handlers.payloads.json_text import looks_like_object, parse_json
from models.dead_letters import Redrive, StoredDeadLetter
from order_import.operations.masking import (
    MASK,
    header_has_form,
    key_has_form,
    masked,
    masked_name,
    masked_text,
)

PREVIEW = 4_000
"""How many characters of a value that is no JSON are shown."""


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """A dead letter for people. `value` is JSON where `is_json`, else a piece of text, or None.

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

    @property
    def text(self) -> str | None:
        """The value as text, with JSON indented; None if there is none."""
        if self.is_json:
            return json.dumps(self.value, indent=2, ensure_ascii=False)
        return None if self.value is None else str(self.value)


def view_of(kept: StoredDeadLetter, *, unmask: bool = False) -> DeadLetterView:
    """Give a dead letter as it is shown; a buyer is masked unless asked otherwise."""
    dead_letter = kept.dead_letter
    is_json, value, is_cut = _value_of(dead_letter.value, unmask=unmask)
    raw = None
    if unmask and dead_letter.value is not None:
        raw = base64.b64encode(dead_letter.value).decode()
    return DeadLetterView(
        dead_letter_id=dead_letter.dead_letter_id,
        code=dead_letter.code.value,
        message=dead_letter.message,
        at=dead_letter.at,
        topic=dead_letter.topic,
        partition=dead_letter.partition,
        offset=dead_letter.offset,
        key=None
        if dead_letter.key is None
        else _shown(dead_letter.key, key_has_form, unmask=unmask),
        headers=tuple(
            (
                name if unmask else masked_name(name),
                _shown(value or b"", partial(header_has_form, name), unmask=unmask),
            )
            for name, value in dead_letter.headers
        ),
        size=None if dead_letter.value is None else len(dead_letter.value),
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


def _shown(raw: bytes, has_form: Callable[[str], bool], *, unmask: bool) -> str:
    """Give a key, or a header's name or value; unless asked for, only if it has its form."""
    text = escaped(raw)
    return text if unmask or has_form(text) else MASK
