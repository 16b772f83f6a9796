"""Logging: one line per event, JSON if nobody is watching. No payload, no buyer, no secret.

Nothing but this module writes to a worker's or a console's standard error. Of a library's line
only the text that stands in the library's source is shown, with numbers filled in; of an error
what `order_import.errors` lets through.
"""

import io
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, redirect_stderr, suppress
from types import FrameType
from typing import Any

import structlog
from typing_extensions import override

from order_import.errors import error_fields
from order_import.settings import Settings

_LIBRARIES = ("aiokafka", "faust", "mode", "pymongo", "motor")
_LONGEST = 500
_MOST_VALUES = 50
_DEEPEST = 4
_SHORTEST = 8
_FRAMES = 40
"""How far up the stack the writer of a line is looked for."""
_PASSED_THROUGH = frozenset({"logging", "structlog", "order_import"})

log = structlog.get_logger(__name__)


@contextmanager
def logging_to_stderr(settings: Settings) -> Iterator[None]:
    """Send this program's, Faust's and the drivers' logs the same way, to standard error.

    What else is written there meanwhile is withheld: libraries print tracebacks.
    """
    stream = sys.stderr
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not stream.isatty()
    )
    _configure(stream, settings.log_level, as_json=as_json)
    # A debug record that is made and thrown away costs as much as one that is read, and Faust
    # logs whole messages below warning.
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    with redirect_stderr(_Withheld()):
        yield


def withhold_texts() -> None:
    """Have a command show of what nobody is there to meet only what may be shown of it.

    These are errors in threads, in finalizers, and in tasks that nobody waits for.
    """

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log.error("thread-broken", **error_fields(args.exc_value))

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            log.error("error-ignored", **error_fields(args.exc_value))

    threading.excepthook = of_thread
    sys.unraisablehook = unraisable
    _configure(sys.stderr, "error", as_json=False)


def _configure(stream: Any, level: str, *, as_json: bool) -> None:
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _only_what_may_be_shown,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
            # Filling a record's text in would run whatever its arguments have for `__str__`.
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


class _Handler(logging.StreamHandler[Any]):
    """Writes lines; about one that cannot be written it says no more than that."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            self.stream.write(f'{{"event": "line-not-written", "logger": "{record.name}"}}\n')


class _Withheld(io.TextIOBase):
    """Standard error to all others: tells once that something was written there, and not what."""

    def __init__(self) -> None:
        self._is_told = False

    @override
    def write(self, text: str, /) -> int:
        if text.strip() and not self._is_told:
            self._is_told = True
            log.warning("output-withheld", remedy="none: see what is logged beside it")
        return len(text)

    @override
    def writable(self) -> bool:
        return True


def _only_what_may_be_shown(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Make of an event what may be shown of it: structlog's last processor before rendering."""
    record: logging.LogRecord = event["_record"]
    meta = {name: event.pop(name) for name in ("_record", "_from_structlog")}
    error = _error_of(event.pop("exc_info", None) or record.exc_info)
    event.pop("stack_info", None)
    args = event.pop("positional_args", ())
    if not meta["_from_structlog"]:
        event["event"] = _source_text(record, args)
    shown = {name: _shown(value) for name, value in event.items()}
    if error is not None:
        shown |= error_fields(error)
    return shown | meta


def _error_of(exc_info: Any) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def _shown(value: object, depth: int = 0) -> object:
    """Return a value as a line may have it: plain, not too long, and no object's own text."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}… ({len(value)})"
        case BaseException():
            return type(value).__name__
        case Mapping() if depth < _DEEPEST:
            some = list(value.items())[:_MOST_VALUES]
            return {str(_shown(name, depth + 1)): _shown(one, depth + 1) for name, one in some}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            return [_shown(one, depth + 1) for one in list(value)[:_MOST_VALUES]]
        case _:
            return f"<{type(value).__name__}>"


def _source_text(record: logging.LogRecord, args: Any) -> str:
    """Return a library's line as far as it stands in the library's source.

    What was put together before it was handed over, and what it is to be filled in with, is left
    out; the line then says where it was written.
    """
    where = f"{record.module}:{record.lineno}"
    found = _constant(str(record.msg))
    if found is None:
        return f"a line of {record.name} ({where}), its text withheld"
    if not args:
        return found
    try:
        return f"{found % _filled_in(args)} ({where})"
    except (TypeError, ValueError, KeyError):
        return f"{found} ({where})"


def _constant(text: str) -> str | None:
    """Return the text, or the end of it, that is a constant of the code that wrote it.

    Some libraries put the name of a service before a line.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - a record does not tell the code
    for _ in range(_FRAMES):
        if frame is None:
            break
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _PASSED_THROUGH:
            ends = [
                one
                for one in frame.f_code.co_consts
                if isinstance(one, str) and text.endswith(one)
                if one == text or len(one) >= _SHORTEST
            ]
            if ends:
                return max(ends, key=len)
        frame = frame.f_back
    return None


def _filled_in(args: Any) -> Any:
    if isinstance(args, Mapping):
        return {name: _number(value) for name, value in args.items()}
    return tuple(_number(value) for value in args)


def _number(value: object) -> object:
    return value if isinstance(value, int | float) else f"<{type(value).__name__}>"
