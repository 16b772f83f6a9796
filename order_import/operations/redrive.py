"""Redrive dead letters: plan it, send them to their topics again, and report the outcome.

What asks a server raises `StorageUnavailable` if MongoDB does not answer, and `BrokerUnavailable`
if Kafka does not.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from models.dead_letters import COUNT_HEADER, DeadLetter, DeadLetterFilter, DeadLetterLine, Redrive
from models.errors import BrokerUnavailable
from models.messages import DeadLetterCode, Header, TopicPartition
from models.topics import READ_TOPICS
from order_import.bootstrap import connect_producer
from order_import.operations.install import topic_exists
from order_import.operations.publish import SendingBroke
from order_import.settings import Settings
from storage.mongo.database import MongoDatabase
from storage.mongo.dead_letters import MongoDeadLetters
from storage.mongo.orders import MongoReader
from streams.clock import now

FROM_HEADER = "redriven-from"
"""`topic:partition:offset` of the message that was refused."""

MOST_REDRIVES = 3
"""How often a message is redriven without `force`."""

MOST_AT_ONCE = 10_000
"""How many dead letters one run redrives, the oldest first."""

_AT_ONCE = 100
_BYTES_AT_ONCE = 8 * 1024 * 1024
"""Dead letters, and bytes of their values, that are fetched and in flight at a time."""
_POLL_SECONDS = 0.2
_QUERY_SIZE = 1_000
"""How many dead letters to query at a time."""
_TOO_LARGE = "with the headers of a redrive it is larger than Kafka accepts"


@dataclass(frozen=True, slots=True)
class Sent:
    """A dead letter that was redriven, and the position of the new message."""

    dead_letter_id: str
    topic: str
    partition: int
    offset: int

    @property
    def to(self) -> str:
        """`topic:partition:offset` of the new message, and of its dead letter if refused again."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class RedriveOutcome:
    """The outcome: how many messages were accepted (`taken`), refused again, and not yet read."""

    taken: int
    refused_again: Mapping[str, DeadLetterCode]
    """Codes by the id of the new dead letter."""
    unread: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a redrive would do: the dead letters it sends, and why it does not send others."""

    dead_letters: tuple[DeadLetterLine, ...]
    refused: Mapping[str, str]


@dataclass(slots=True)
class Redriven:
    """The result of a redrive: the dead letters sent, and why planned others were not."""

    sent: list[Sent] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


async def plan_for_ids(
    dead_letters: MongoDeadLetters, settings: Settings, ids: Sequence[str], *, force: bool = False
) -> Plan:
    """Plan to redrive these dead letters, even if they were redriven before."""
    unique = list(dict.fromkeys(ids))
    lines = await dead_letters.lines(unique)
    missing = {
        dead_letter_id: "there is no such dead letter"
        for dead_letter_id in unique
        if dead_letter_id not in lines
    }
    existing = [lines[dead_letter_id] for dead_letter_id in unique if dead_letter_id in lines]
    return await _plan(settings, existing, missing, force)


async def plan_for_all(
    dead_letters: MongoDeadLetters,
    settings: Settings,
    selection: DeadLetterFilter,
    *,
    force: bool = False,
) -> Plan:
    """Plan to redrive all dead letters that are still open, the oldest first.

    A dead letter that was redriven is no longer open: if refused again, there is a new one.
    """
    limit = min(selection.limit, MOST_AT_ONCE)
    still_open = replace(selection, is_open=True, oldest_first=True, limit=limit)
    return await _plan(settings, await dead_letters.find(still_open), {}, force)


async def redrive(
    plan: Plan,
    dead_letters: MongoDeadLetters,
    settings: Settings,
    progress: Callable[[int], None] = lambda _: None,
) -> Redriven:
    """Send the dead letters of a plan unchanged, and mark each once Kafka has it.

    If it is killed, the next run may send some again; a message sent twice changes nothing.
    `progress` is called with the number finished so far.

    Raises:
        SendingBroke: Kafka stopped answering. What it has acknowledged is marked.
    """
    done = Redriven()
    if not plan.dead_letters:
        return done
    try:
        async with connect_producer(settings) as producer:
            for part in _parts(plan.dead_letters):
                await _send_part(producer, part, dead_letters, done)
                progress(len(done.sent) + len(done.refused))
    except BrokerUnavailable as error:
        raise SendingBroke(str(error), len(done.sent)) from error
    return done


def headers_again(dead_letter: DeadLetter, count: int) -> list[Header]:
    """Return the original headers, plus how often and from where it was redriven."""
    ours = {COUNT_HEADER, FROM_HEADER}
    return [
        *((name, value) for name, value in dead_letter.headers if name not in ours),
        (COUNT_HEADER, str(count).encode()),
        (FROM_HEADER, dead_letter.dead_letter_id.encode()),
    ]


async def _plan(
    settings: Settings, lines: Iterable[DeadLetterLine], refused: dict[str, str], force: bool
) -> Plan:
    readable = {settings.topic_prefix + name: name for name in READ_TOPICS}
    exists: dict[str, bool] = {}
    planned: list[DeadLetterLine] = []
    for line in lines:
        if line.topic in readable and line.topic not in exists:
            exists[line.topic] = await topic_exists(settings, readable[line.topic])
        reason = _find_refusal(line, exists, force)
        if reason is None:
            planned.append(line)
        else:
            refused[line.dead_letter_id] = reason
    return Plan(tuple(planned), refused)


def _find_refusal(line: DeadLetterLine, exists: Mapping[str, bool], force: bool) -> str | None:
    if line.topic not in exists:
        return f"{line.topic} is not a topic that this installation reads"
    if not exists[line.topic]:
        return f"topic {line.topic} no longer exists"
    if line.code is DeadLetterCode.UNREADABLE:
        return "no message could be read: the stored bytes are in Kafka's own format"
    if line.is_erased:
        return "it was erased, as a buyer's data may be in it: send it again from its source"
    if line.cut:
        parts = " and ".join(line.cut)
        return f"only a part of its {parts} is stored: send it again from its source"
    if line.size is None and not line.has_key:
        return "it has neither a key nor a value"
    if line.chain >= MOST_REDRIVES and not force:
        return f"redriven {line.chain} times already; if the cause is fixed, use --force"
    return None


async def _send_part(
    producer: AIOKafkaProducer,
    part: Sequence[DeadLetterLine],
    dead_letters: MongoDeadLetters,
    done: Redriven,
) -> None:
    stored = await dead_letters.dead_letters([line.dead_letter_id for line in part])
    in_flight: list[tuple[DeadLetter, int, asyncio.Future[Any]]] = []
    failure: BaseException | None = None
    for line in part:
        current = stored.get(line.dead_letter_id)
        if current is None or (
            current.dead_letter.key is None and current.dead_letter.value is None
        ):
            done.refused[line.dead_letter_id] = "it was emptied just now"
            continue
        dead_letter, count = current.dead_letter, current.chain + 1
        headers = headers_again(dead_letter, count)
        try:
            delivery = await producer.send(
                dead_letter.topic, key=dead_letter.key, value=dead_letter.value, headers=headers
            )
        except MessageSizeTooLargeError:
            done.refused[dead_letter.dead_letter_id] = _TOO_LARGE
        except (KafkaError, ConnectionError) as error:
            failure = error
            break
        else:
            in_flight.append((dead_letter, count, delivery))
    deliveries = (delivery for _, _, delivery in in_flight)
    results = await asyncio.gather(*deliveries, return_exceptions=True)
    marks: dict[str, Redrive] = {}
    for (dead_letter, count, _), result in zip(in_flight, results, strict=True):
        if isinstance(result, MessageSizeTooLargeError):
            done.refused[dead_letter.dead_letter_id] = _TOO_LARGE
        elif isinstance(result, BaseException):
            failure = failure or result
        else:
            sent = Sent(dead_letter.dead_letter_id, result.topic, result.partition, result.offset)
            marks[dead_letter.dead_letter_id] = Redrive(now(), count, sent.to)
            done.sent.append(sent)
    await dead_letters.mark_redriven(marks)
    if failure is not None:
        raise failure


def _parts(lines: Sequence[DeadLetterLine]) -> Iterator[list[DeadLetterLine]]:
    part: list[DeadLetterLine] = []
    size = 0
    for line in lines:
        if part and (len(part) == _AT_ONCE or size + (line.size or 0) > _BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(line)
        size += line.size or 0
    if part:
        yield part


def by_topic_and_code(lines: Iterable[DeadLetterLine]) -> Mapping[tuple[str, str], int]:
    """Count dead letters per topic and code."""
    return dict(sorted(Counter((line.topic, line.code.value) for line in lines).items()))


async def wait_for_outcome(
    sent: Sequence[Sent], database: MongoDatabase, within: float
) -> RedriveOutcome:
    """Wait until the worker has decided the messages sent, and return the outcome.

    Waits at most `within` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        decided = await _find_decided(sent, database.reader)
        if len(decided) == len(sent) or loop.time() >= deadline:
            break
        await asyncio.sleep(_POLL_SECONDS)
    refused: dict[str, DeadLetterCode] = {}
    for at in range(0, len(decided), _QUERY_SIZE):
        new_ids = [message.to for message in decided[at : at + _QUERY_SIZE]]
        lines = await database.dead_letters.lines(new_ids)
        refused |= {new_id: line.code for new_id, line in lines.items()}
    return RedriveOutcome(len(decided) - len(refused), refused, len(sent) - len(decided))


async def _find_decided(sent: Sequence[Sent], reader: MongoReader) -> Sequence[Sent]:
    standings = await reader.standings()
    return [
        message
        for message in sent
        if (standing := standings.get(TopicPartition(message.topic, message.partition))) is not None
        and message.offset < standing.committed_offset
    ]
