"""Prepare a dead letter for display: its bytes as text or JSON, with personal data masked."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
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
"""How many characters are shown of a value that is not JSON."""


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """A dead letter for display. `value` is JSON if `is_json`, otherwise the start of a text.

    `value` is None if the message has none. `raw` is the value in base64; None if masked.
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
    erased_at: datetime | None

    @property
    def text(self) -> str | None:
        """The value as text, with JSON indented; None if there is none."""
        if self.is_json:
            return json.dumps(self.value, indent=2, ensure_ascii=False)
        return None if self.value is None else str(self.value)


def view_of(kept: StoredDeadLetter, *, unmask: bool = False) -> DeadLetterView:
    """Return a dead letter for display; personal data is masked unless `unmask` is set."""
    dead_letter = kept.dead_letter
    is_json, value, is_cut = _show_value(dead_letter.value, unmask=unmask)
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
        else _show_text(dead_letter.key, key_has_form, unmask=unmask),
        headers=tuple(
            (
                name if unmask else masked_name(name),
                _show_text(value or b"", partial(header_has_form, name), unmask=unmask),
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
        erased_at=dead_letter.erased_at,
    )


def escaped(raw: bytes) -> str:
    r"""Decode UTF-8; write other bytes as `\xff`."""
    return raw.decode("utf-8", errors="backslashreplace")


def _show_value(raw: bytes | None, *, unmask: bool) -> tuple[bool, Any, bool]:
    """Return whether a value is JSON, the part to display, and whether it was cut off."""
    if raw is None:
        return False, None, False
    try:
        value = _parse(raw)
        return True, value if unmask else masked(value), False
    except (ValueError, RecursionError):
        text = escaped(raw[: PREVIEW + 4])[:PREVIEW]
        return False, text if unmask else masked_text(text), len(raw) > PREVIEW


def _parse(raw: bytes) -> Any:
    value = parse_json(raw)
    # A notification may be encoded twice.
    return parse_json(value) if isinstance(value, str) and looks_like_object(value) else value


def _show_text(raw: bytes, has_form: Callable[[str], bool], *, unmask: bool) -> str:
    """Return the text of a key or header; masked if it does not have its form."""
    text = escaped(raw)
    return text if unmask or has_form(text) else MASK
