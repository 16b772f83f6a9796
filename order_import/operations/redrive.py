"""Afterwards: what became of dead letters that were redriven."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from models.dead_letters import COUNT_HEADER, DeadLetter, DeadLetterFilter, DeadLetterLine, Redrive
from models.errors import BrokerUnavailable
from models.messages import DeadLetterCode, Header, TopicPartition
from models.topics import READ_TOPICS
from order_import.bootstrap import new_producer
from order_import.operations.lag import broker_errors
from order_import.operations.publish import SendingBroke, topic_exists
from order_import.settings import Settings
from storage.mongo.dead_letters import MongoDeadLetters
from storage.queries import Reader
from streams.clock import now

_LOOK_EVERY = 0.2
_LOOK_UP = 1_000
"""How many dead letters are asked for at a time."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A dead letter that was redriven, and the place of the new message."""

    dead_letter_id: str
    topic: str
    partition: int
    offset: int

    @property
    def to(self) -> str:
        """`topic:partition:offset` of the new message, and of its dead letter if refused again."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Afterwards:
    """How many were `taken`, which were refused again and why, and how many are not read yet."""

    taken: int
    refused_again: Mapping[str, DeadLetterCode]
    """Codes by the id of the new letter."""
    unread: int


async def look_after(
    sent: Sequence[Sent], reader: Reader, dead_letters: MongoDeadLetters, within: float
) -> Afterwards:
    """Wait until the worker has decided all that was sent, and tell what became of it.

    Args:
        sent: What was redriven.
        reader: How far the worker is.
        dead_letters: Where new dead letters would be.
        within: Seconds to wait for the worker, at most.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        decided = await _decided(sent, reader)
        if len(decided) == len(sent) or loop.time() >= deadline:
            break
        await asyncio.sleep(_LOOK_EVERY)
    refused: dict[str, DeadLetterCode] = {}
    for at in range(0, len(decided), _LOOK_UP):
        found = await dead_letters.lines([one.to for one in decided[at : at + _LOOK_UP]])
        refused |= {new: line.code for new, line in found.items()}
    return Afterwards(len(decided) - len(refused), refused, len(sent) - len(decided))


async def _decided(sent: Sequence[Sent], reader: Reader) -> Sequence[Sent]:
    standings = await reader.standings()
    return [
        one
        for one in sent
        if (standing := standings.get(TopicPartition(one.topic, one.partition))) is not None
        and one.offset < standing.committed_offset
    ]


FROM_HEADER = "redriven-from"
"""`topic:partition:offset` of the message that was refused."""

MOST_REDRIVES = 3
"""How often a message is redriven before somebody has to insist."""

MOST_AT_ONCE = 10_000
"""How many dead letters one run redrives, the oldest first."""

_AT_ONCE = 100
_BYTES_AT_ONCE = 8 * 1024 * 1024
"""Letters, and bytes of their values, that are fetched and on their way at a time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a redrive would do: the dead letters it sends, and why it does not send others."""

    dead_letters: tuple[DeadLetterLine, ...]
    refused: Mapping[str, str]


@dataclass(slots=True)
class Redriven:
    """What a redrive did: where each dead letter went, and why others did not go after all."""

    sent: list[Sent] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


async def plan_for_ids(
    dead_letters: MongoDeadLetters, settings: Settings, ids: Sequence[str], *, force: bool = False
) -> Plan:
    """Plan to redrive these dead letters, whether or not they were before.

    Raises:
        StorageUnavailable: The database does not answer.
        BrokerUnavailable: Kafka does not answer.
    """
    wanted = list(dict.fromkeys(ids))
    found = await dead_letters.lines(wanted)
    missing = {one: "there is no such dead letter" for one in wanted if one not in found}
    return await _plan(settings, [found[one] for one in wanted if one in found], missing, force)


async def plan_for_all(
    dead_letters: MongoDeadLetters,
    settings: Settings,
    wanted: DeadLetterFilter,
    *,
    force: bool = False,
) -> Plan:
    """Plan to redrive all dead letters that nothing was done about yet, the oldest first.

    One that was redriven is answered for: refused again, there is a new dead letter of it.

    Raises:
        StorageUnavailable: The database does not answer.
        BrokerUnavailable: Kafka does not answer.
    """
    still_open = DeadLetterFilter(
        code=wanted.code,
        topic=wanted.topic,
        is_open=True,
        oldest_first=True,
        limit=min(wanted.limit, MOST_AT_ONCE),
    )
    return await _plan(settings, await dead_letters.find(still_open), {}, force)


async def redrive(
    plan: Plan,
    dead_letters: MongoDeadLetters,
    settings: Settings,
    progress: Callable[[int], None] = lambda _: None,
) -> Redriven:
    """Send the dead letters of a plan, each as it came, and mark each when Kafka has it.

    Killed in between it may send some again the next time; what is sent twice changes nothing.

    Args:
        plan: What to do.
        dead_letters: Where the dead letters are kept and marked.
        settings: Where Kafka is.
        progress: Told how many are finished so far.

    Raises:
        SendingBroke: Kafka stopped answering. What it has acknowledged is marked.
        StorageUnavailable: The database does not answer.
    """
    done = Redriven()
    if not plan.dead_letters:
        return done
    try:
        with broker_errors():
            producer = new_producer(settings)
            try:
                await producer.start()
                for part in _parts(plan.dead_letters):
                    await _send_part(producer, part, dead_letters, done)
                    progress(len(done.sent) + len(done.refused))
            finally:
                await producer.stop()
    except BrokerUnavailable as error:
        raise SendingBroke(str(error), len(done.sent)) from error
    return done


def headers_again(dead_letter: DeadLetter, count: int) -> list[Header]:
    """Give the headers as they came, with how often and from where it was redriven."""
    ours = {COUNT_HEADER, FROM_HEADER}
    return [
        *((name, value) for name, value in dead_letter.headers if name not in ours),
        (COUNT_HEADER, str(count).encode()),
        (FROM_HEADER, dead_letter.dead_letter_id.encode()),
    ]


async def _plan(
    settings: Settings, found: Iterable[DeadLetterLine], refused: dict[str, str], force: bool
) -> Plan:
    readable = {settings.topic_prefix + name: name for name in READ_TOPICS}
    there: dict[str, bool] = {}
    planned: list[DeadLetterLine] = []
    for line in found:
        if line.topic in readable and line.topic not in there:
            there[line.topic] = await topic_exists(settings, readable[line.topic])
        why = _refusal(line, there, force)
        if why is None:
            planned.append(line)
        else:
            refused[line.dead_letter_id] = why
    return Plan(tuple(planned), refused)


def _refusal(line: DeadLetterLine, there: Mapping[str, bool], force: bool) -> str | None:
    if line.topic not in there:
        return f"{line.topic} is not a topic that this installation reads"
    if not there[line.topic]:
        return f"topic {line.topic} is not there any more"
    if line.code is DeadLetterCode.UNREADABLE:
        return "no message could be read: what is kept are bytes of Kafka's own format"
    if line.cut:
        parts = " and ".join(line.cut)
        return f"not all of its {parts} is kept: have what sent it send it again"
    if line.size is None and not line.has_key:
        return "it has neither a key nor a value, or was emptied"
    if line.chain >= MOST_REDRIVES and not force:
        return (
            f"redriven {line.chain} times already; "
            "when the cause is mended for certain, use --force"
        )
    return None


async def _send_part(
    producer: AIOKafkaProducer,
    part: Sequence[DeadLetterLine],
    dead_letters: MongoDeadLetters,
    done: Redriven,
) -> None:
    """Send dead letters one after the other, wait for all, and mark those that Kafka has."""
    kept = await dead_letters.dead_letters([line.dead_letter_id for line in part])
    on_their_way: list[tuple[DeadLetter, int, asyncio.Future[Any]]] = []
    broken: BaseException | None = None
    for line in part:
        one = kept.get(line.dead_letter_id)
        if one is None or (one.dead_letter.key is None and one.dead_letter.value is None):
            done.refused[line.dead_letter_id] = "it was emptied just now"
            continue
        dead_letter, count = one.dead_letter, one.chain + 1
        headers = headers_again(dead_letter, count)
        try:
            delivery = await producer.send(
                dead_letter.topic, key=dead_letter.key, value=dead_letter.value, headers=headers
            )
        except MessageSizeTooLargeError:
            done.refused[dead_letter.dead_letter_id] = _TOO_LARGE
        except (KafkaError, ConnectionError) as error:
            broken = error
            break
        else:
            on_their_way.append((dead_letter, count, delivery))
    results = await asyncio.gather(*(one for _, _, one in on_their_way), return_exceptions=True)
    marks: dict[str, Redrive] = {}
    for (dead_letter, count, _), result in zip(on_their_way, results, strict=True):
        if isinstance(result, MessageSizeTooLargeError):
            done.refused[dead_letter.dead_letter_id] = _TOO_LARGE
        elif isinstance(result, BaseException):
            broken = broken or result
        else:
            sent = Sent(dead_letter.dead_letter_id, result.topic, result.partition, result.offset)
            marks[dead_letter.dead_letter_id] = Redrive(now(), count, sent.to)
            done.sent.append(sent)
    await dead_letters.mark_redriven(marks)
    if broken is not None:
        raise broken


_TOO_LARGE = "with the headers of a redrive it is larger than Kafka takes"


def _parts(lines: Sequence[DeadLetterLine]) -> Iterator[list[DeadLetterLine]]:
    """Cut a plan into parts that are not too many letters, nor too many bytes."""
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
    named = sorted((line.topic, line.code.value) for line in lines)
    return {group: len(list(of)) for group, of in itertools.groupby(named)}
