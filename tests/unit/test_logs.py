"""No text that a buyer may be in is logged or printed, whoever writes it."""

import asyncio
import gc
import io
import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
import structlog
from aiokafka.errors import NodeNotReadyError, TopicAuthorizationFailedError
from mode import Service
from pydantic import TypeAdapter, ValidationError

from models.errors import StorageUnavailable
from order_import.__main__ import main
from order_import.errors import describe, error_fields
from order_import.logs import logging_to_stderr, withhold_texts
from order_import.settings import Settings
from tests.unit.readers import BrokenReader, opened

CANARY = "Jane Canary-Doe"
EMPTY: dict[str, str] = {}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root, hooks = logging.getLogger(), (threading.excepthook, sys.unraisablehook)
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class Talker:
    """Has a buyer in all that it says of itself."""

    def __repr__(self) -> str:
        return CANARY

    __str__ = __repr__


def failed() -> Exception:
    """An error with a buyer in its text, its note, and its cause's text."""

    def fail() -> None:
        try:
            EMPTY[CANARY]
        except KeyError as error:
            raise ValueError(CANARY) from error

    try:
        fail()
    except ValueError as error:
        error.add_note(CANARY)
        return error
    raise AssertionError("it fails")


def of_this_program() -> None:
    log = structlog.get_logger("streams.processor")
    log.error("it-failed", value=Talker(), of={CANARY[:0]: Talker()}, exc_info=failed())
    log.error("it-failed", error=failed(), several=[failed()])


def in_a_group() -> None:
    log = structlog.get_logger("streams.processor")
    log.error("it-failed", exc_info=ExceptionGroup(CANARY, [failed()]))


def of_a_library() -> None:
    log = logging.getLogger("aiokafka.consumer.fetcher")
    log.error("Unable to read %s of %r: %d", CANARY, Talker(), 5)
    log.error("Failed: %(name)s", {"name": CANARY})
    log.error(f"put together: {CANARY}")  # noqa: G004 - as a library would
    log.error(Talker())
    log.error("not all %s", CANARY, 1, 2)  # noqa: PLE1205 - as a library might
    log.error(CANARY, exc_info=failed(), stack_info=True, extra={"buyer": CANARY})


def of_a_service_of_fausts() -> None:
    service = Service()
    service.log.error("Crashed reason=%r", failed())
    service.log.error(f"put together: {CANARY}", exc_info=failed())  # noqa: G004 - the same


def of_a_task_nobody_waits_for() -> None:
    async def fail() -> None:
        raise failed()

    async def leave_it() -> None:
        task = asyncio.create_task(fail(), name=CANARY)
        await asyncio.wait([task])

    asyncio.run(leave_it())
    gc.collect()


def by_printing() -> None:
    print(f"it {CANARY}", file=sys.stderr)  # noqa: T201 - as a library would
    traceback.print_exception(failed())
    warnings.warn(CANARY, stacklevel=1)


def of_a_thread() -> None:
    def fail() -> None:
        raise failed()

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def of_a_finalizer() -> None:
    class Failing:
        def __del__(self) -> None:
            raise failed()

    Failing()


def of_validation() -> None:
    try:
        TypeAdapter(int).validate_json(f'"{CANARY}"')
    except ValidationError:
        structlog.get_logger("streams").error("it-failed", exc_info=True)


FORMS: tuple[Literal["json", "console"], ...] = ("json", "console")
SPEAKERS = [
    of_this_program,
    in_a_group,
    of_a_library,
    of_a_service_of_fausts,
    of_a_task_nobody_waits_for,
    by_printing,
    of_a_thread,
    of_a_finalizer,
    of_validation,
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("speak", SPEAKERS)
def test_no_line_has_a_buyer_in_it(
    speak: Callable[[], None], form: Literal["json", "console"], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    withhold_texts()
    with logging_to_stderr(Settings(log_format=form, log_level="debug")):
        speak()
    assert written.getvalue().strip()
    for part in ("Canary", "Jane", "Traceback"):
        assert part not in written.getvalue()


def lines_of(monkeypatch: pytest.MonkeyPatch, speak: Callable[[], None]) -> list[dict[str, Any]]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    with logging_to_stderr(Settings(log_format="json")):
        speak()
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_says_what_its_writer_wrote_down_in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [line["event"] for line in lines_of(monkeypatch, of_a_library)]
    assert told[0].startswith("Unable to read <str> of '<Talker>': 5 (")
    assert told[2].startswith("a line of aiokafka.consumer.fetcher (")
    (told_of, _) = lines_of(monkeypatch, of_a_service_of_fausts)
    assert told_of["event"].startswith("Crashed reason=")
    assert told_of["logger"] == "mode.services"


def test_an_error_says_its_type_and_where_it_was_met_and_what_led_to_it() -> None:
    def refuse() -> None:
        try:
            EMPTY[CANARY]
        except KeyError:
            raise StorageUnavailable("NetworkTimeout") from None

    with pytest.raises(StorageUnavailable) as met:
        refuse()
    fields = error_fields(met.value)
    assert (fields["error"], fields["reason"]) == ("StorageUnavailable", "NetworkTimeout")
    (cause,) = fields["causes"]
    assert cause.startswith("KeyError at ")
    assert cause.endswith(" refuse")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StorageUnavailable("WTimeoutError 64"), "WTimeoutError 64"),
        (ValueError(CANARY), "ValueError"),
        (UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY), "UnicodeDecodeError"),
        (OSError(111, CANARY), "ConnectionRefusedError: Connection refused"),
        (TopicAuthorizationFailedError(CANARY), "TopicAuthorizationFailedError (29)"),
        (NodeNotReadyError(CANARY), "NodeNotReadyError"),
    ],
)
def test_only_what_this_program_wrote_itself_is_quoted(error: Exception, words: str) -> None:
    assert describe(error) == words


def test_a_command_that_breaks_says_where_and_not_what_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(BrokenReader):
        def __getattribute__(self, name: str) -> Any:
            raise failed()

    monkeypatch.setattr(
        "order_import.cli.context.connect_database", lambda _: opened(reader=Broken())
    )
    with pytest.raises(SystemExit) as left:
        main(["orders"])
    assert left.value.code == 70
    shown = capsys.readouterr().err
    assert shown.startswith("order-import: broken: ValueError at order_import/cli/")
    assert "Canary" not in shown
