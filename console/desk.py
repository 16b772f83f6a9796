"""The desk: everything a page may use, put together once by the program."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from console.cache import Cache
from console.ports import Examiner, LetterDesk, Publisher, Replays
from console.users import Users
from storage.console_reader import ConsoleReader
from storage.console_state import ConsoleState
from storage.reader import Reader


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in, and how. Without users nobody signs in, and everybody is the operator.

    `hosts` are the names this console answers to; empty for any. `secure` says that it is reached
    over TLS.
    """

    users: Users | None
    hosts: frozenset[str]
    secure: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """Questions and answers, and the few things that may be changed."""

    reader: Reader
    orders: ConsoleReader
    state: ConsoleState
    publisher: Publisher
    replays: Replays
    letters: LetterDesk
    examiner: Examiner
    access: Access
    now: Callable[[], datetime]
    cache: Cache
