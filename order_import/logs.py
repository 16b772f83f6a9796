"""Logging: one line per event, as JSON unless on a terminal. No payload, no buyer, no secret.

Only this module writes to the standard error of a worker or a console. A line of a library is
shown only as far as its text is a constant in the library's source, with numbers filled in. Of an
error, a line has the fields of `order_import.errors`.
"""

import io
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, redirect_stderr, suppress
from functools import partial
from types import FrameType
from typing import Any

import structlog
from typing_extensions import override

from order_import.errors import error_fields
from order_import.settings import Settings

_LIBRARIES = ("aiokafka", "faust", "mode", "pymongo", "motor", "opentelemetry")
_MAX_TEXT = 500
_MAX_VALUES = 50
_MAX_DEPTH = 4
_MIN_CONSTANT = 8
_MAX_FRAMES = 40
"""How far up the stack to look for the writer of a line."""
_SKIPPED_MODULES = frozenset({"logging", "structlog", "order_import"})

log = structlog.get_logger(__name__)


@contextmanager
def logging_to_stderr(settings: Settings) -> Iterator[None]:
    """Send the logs of this program, of Faust and of the drivers to standard error.

    All other output to standard error is withheld meanwhile, because libraries print tracebacks.
    """
    stream = sys.stderr
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not stream.isatty()
    )
    _configure(stream, settings.log_level, as_json=as_json)
    # Creating a debug record costs as much as writing it, and Faust logs entire messages below
    # warning.
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    with redirect_stderr(_Withheld()):
        yield


def withhold_texts() -> None:
    """Log uncaught errors of a command without the texts of foreign exceptions.

    These are errors in threads, in finalizers, and in tasks that nothing awaits.
    """

    def log_error(event: str, args: Any) -> None:
        if args.exc_value is not None:
            log.error(event, **error_fields(args.exc_value))

    threading.excepthook = partial(log_error, "thread-broken")
    sys.unraisablehook = partial(log_error, "error-ignored")
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
                _sanitize,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
            # Formatting a record would call `__str__` of its arguments.
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


class _Handler(logging.StreamHandler[Any]):
    """Writes lines; if one cannot be written, it reports only that."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            self.stream.write(f'{{"event": "line-not-written", "logger": "{record.name}"}}\n')


class _Withheld(io.TextIOBase):
    """Standard error of all other code: logs once that something was written, but not the text."""

    def __init__(self) -> None:
        self._is_logged = False

    @override
    def write(self, text: str, /) -> int:
        if text.strip() and not self._is_logged:
            self._is_logged = True
            log.warning("output-withheld", remedy="none: see the log lines around this one")
        return len(text)

    @override
    def writable(self) -> bool:
        return True


def _sanitize(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Reduce an event to safe fields: structlog's last processor before rendering."""
    record: logging.LogRecord = event["_record"]
    meta = {name: event.pop(name) for name in ("_record", "_from_structlog")}
    error = _get_error(event.pop("exc_info", None) or record.exc_info)
    event.pop("stack_info", None)
    args = event.pop("positional_args", ())
    if not meta["_from_structlog"]:
        event["event"] = _source_text(record, args)
    safe = {name: _plain(value) for name, value in event.items()}
    if error is not None:
        safe |= error_fields(error)
    return safe | meta


def _get_error(exc_info: Any) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def _plain(value: object, depth: int = 0) -> object:
    """Return a plain value of limited length; of other objects, only the type."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return value if len(value) <= _MAX_TEXT else f"{value[:_MAX_TEXT]}… ({len(value)})"
        case BaseException():
            return type(value).__name__
        case Mapping() if depth < _MAX_DEPTH:
            items = list(value.items())[:_MAX_VALUES]
            return {str(_plain(name, depth + 1)): _plain(item, depth + 1) for name, item in items}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_plain(item, depth + 1) for item in list(value)[:_MAX_VALUES]]
        case _:
            return f"<{type(value).__name__}>"


def _source_text(record: logging.LogRecord, args: Any) -> str:
    """Return a library's line as far as it is a constant in the library's source.

    Text that was formatted before logging, and arguments other than numbers, are left out; the
    line then names the place in the source.
    """
    where = f"{record.module}:{record.lineno}"
    template = _find_constant(str(record.msg))
    if template is None:
        return f"a line of {record.name} ({where}), its text withheld"
    if not args:
        return template
    try:
        return f"{template % _numbers(args)} ({where})"
    except (TypeError, ValueError, KeyError):
        return f"{template} ({where})"


def _find_constant(text: str) -> str | None:
    """Return the text, or its end, if it is a constant of the code that wrote it.

    Some libraries prefix a line with the name of a service, so only the end is constant.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - a record does not tell the code
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _SKIPPED_MODULES:
            ends = [
                constant
                for constant in frame.f_code.co_consts
                if isinstance(constant, str) and text.endswith(constant)
                if constant == text or len(constant) >= _MIN_CONSTANT
            ]
            if ends:
                return max(ends, key=len)
        frame = frame.f_back
    return None


def _numbers(args: Any) -> Any:
    if isinstance(args, Mapping):
        return {name: _number(value) for name, value in args.items()}
    return tuple(_number(value) for value in args)


def _number(value: object) -> object:
    return value if isinstance(value, int | float) else f"<{type(value).__name__}>"
