"""Describe errors without personal data: by type, code, place, and this program's own messages.

The text of a foreign exception can contain anything: drivers quote documents, codecs quote bytes,
Python quotes keys. Only the messages of exceptions defined in this program are safe.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any

from aiokafka.errors import KafkaError

import order_import

_ROOT = Path(order_import.__file__).parents[1]
_OURS = frozenset({"models", "handlers", "storage", "streams", "order_import"})
_MAX_FRAMES = 8
_MAX_CAUSES = 4


def describe(error: BaseException) -> str:
    """Return one line that says what went wrong, without any data it went wrong with."""
    if _is_ours(error):
        return str(error) or type(error).__name__
    name = type(error).__name__
    if isinstance(error, KafkaError):
        code = getattr(error, "errno", None)  # only errors returned by a broker have one
        return f"{name} ({code})" if isinstance(code, int) else name
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name}: {os.strerror(error.errno)}"
    return name


def list_places(error: BaseException) -> list[str]:
    """Return the last places in this program that an error passed through."""
    return list(_places(error.__traceback__))[-_MAX_FRAMES:]


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return the fields of a log line about an error.

    `error` is its type, `reason` its description, `at` the last places in this program it passed
    through, and `causes` the errors that led to it, outermost first.
    """
    causes = [f"{describe(cause)} at {_last_place(cause)}" for cause in _causes(error)]
    return {
        "error": type(error).__name__,
        "reason": describe(error),
        "at": list_places(error),
        **({"causes": causes[:_MAX_CAUSES]} if causes else {}),
    }


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _OURS


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the causes of an error, including those that `from None` hides in a traceback."""
    seen = {id(error)}
    waiting = [error]
    while waiting:
        effect = waiting.pop(0)
        inner = list(effect.exceptions) if isinstance(effect, BaseExceptionGroup) else []
        for cause in (*inner, effect.__cause__, effect.__context__):
            if cause is not None and id(cause) not in seen:
                seen.add(id(cause))
                waiting.append(cause)
                yield cause


def _last_place(error: BaseException) -> str:
    places = list(_places(error.__traceback__, ours=False))
    return places[-1] if places else "an unknown place"


def _places(trace: TracebackType | None, *, ours: bool = True) -> Iterator[str]:
    """Yield `streams/processor.py:176 _decide` for each place of a traceback."""
    for frame, line in walk_tb(trace):
        code = frame.f_code
        path = Path(code.co_filename)
        inside = path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _OURS
        if inside:
            yield f"{path.relative_to(_ROOT)}:{line} {code.co_name}"
        elif not ours:
            yield f"{'/'.join(path.parts[-2:])}:{line} {code.co_name}"
