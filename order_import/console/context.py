"""The desk: everything a page may use, put together once by the program."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from order_import.console.access import Access
from order_import.console.cache import Cache
from order_import.console.dead_letter_port import DeadLetters
from order_import.console.health_port import HealthCheck
from order_import.console.ports import Publisher
from order_import.console.replay_port import Replays
from storage.port import ConsoleState
from storage.queries import ConsoleReader, Reader


@dataclass(frozen=True, slots=True)
class ConsoleContext:
    """Questions and answers, and the few things that may be changed."""

    reader: Reader
    orders: ConsoleReader
    state: ConsoleState
    publisher: Publisher
    replays: Replays
    dead_letters: DeadLetters
    health_check: HealthCheck
    access: Access
    now: Callable[[], datetime]
    cache: Cache
