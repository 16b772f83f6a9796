"""What of an error may be shown: its type, its code, where it was met, and words of our own.

An exception's text can have anything in it: drivers quote documents, codecs quote bytes, Python
quotes keys. Only exceptions that this program defines are written by it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from aiokafka.errors import (
    KafkaError,
)

import order_import

_ROOT = Path(order_import.__file__).parents[1]
_OURS = frozenset({"models", "handlers", "storage", "streams", "order_import"})
_MOST_FRAMES = 8
_MOST_CAUSES = 4


def describe(error: BaseException) -> str:
    """Return one line that says what went wrong, and nothing of what it went wrong with."""
    if _is_ours(error):
        return str(error) or type(error).__name__
    name = type(error).__name__
    if isinstance(error, KafkaError):
        code = getattr(error, "errno", None)  # only what a broker answered has one
        return f"{name} ({code})" if isinstance(code, int) else name
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name}: {os.strerror(error.errno)}"
    return name


def places_of(error: BaseException) -> list[str]:
    """Return the last places in this program that an error came through."""
    return list(_places(error.__traceback__))[-_MOST_FRAMES:]


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return what a log line has of an error.

    `error` is its type, `reason` is as `describe` gives it, `at` are the last places in this
    program it came through, and `causes` what led to it, outermost first.
    """
    causes = [f"{describe(one)} at {_last_place(one)}" for one in _causes(error)]
    return {
        "error": type(error).__name__,
        "reason": describe(error),
        "at": places_of(error),
        **({"causes": causes[:_MOST_CAUSES]} if causes else {}),
    }


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _OURS


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what an error came of, also what `from None` keeps out of a traceback."""
    seen = {id(error)}
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        inner = list(one.exceptions) if isinstance(one, BaseExceptionGroup) else []
        for cause in (*inner, one.__cause__, one.__context__):
            if cause is not None and id(cause) not in seen:
                seen.add(id(cause))
                waiting.append(cause)
                yield cause


def _last_place(error: BaseException) -> str:
    places = list(_places(error.__traceback__, ours=False))
    return places[-1] if places else "an unknown place"


def _places(trace: TracebackType | None, *, ours: bool = True) -> Iterator[str]:
    """Yield `streams/processor.py:176 _decide` for each place of a traceback."""
    while trace is not None:
        code = trace.tb_frame.f_code
        path = Path(code.co_filename)
        inside = path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _OURS
        if inside:
            yield f"{path.relative_to(_ROOT)}:{trace.tb_lineno} {code.co_name}"
        elif not ours:
            yield f"{'/'.join(path.parts[-2:])}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
