"""Spans of OpenTelemetry: one per transaction, and one per topic of a publication.

The names and attributes are those of the semantic conventions for messaging, version 1.44. Without
an SDK, nothing is recorded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from models.checkpoint import Outgoing
from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import Header, Incoming, MessageRef, TopicPartition, message_ref
from streams.messages import topic_of

MAX_LINKS = 128
"""The maximum number of links of a span. It is also the SDK's, which drops the rest silently."""

_W3C = TraceContextTextMapPropagator()


class Tracing:
    """Starts the spans of a worker. They have no content of messages, and no text of errors.

    `attributes` are those of every span, and `group` is the consumer group.
    """

    def __init__(
        self, tracer: Tracer, attributes: Mapping[str, str | int] | None = None, group: str = ""
    ) -> None:
        self._tracer = tracer
        self._common: dict[str, str | int] = {"messaging.system": "kafka", **(attributes or {})}
        self._group: dict[str, str | int] = {"messaging.consumer.group.name": group}

    @contextmanager
    def process(
        self, topic: str, count: int, messages: Iterable[tuple[TopicPartition, Incoming]]
    ) -> Iterator[Span]:
        """Have a current span while a transaction decides messages of a topic.

        It links to the contexts that came with the messages, if those are sampled.
        """
        with (
            self._tracer.start_as_current_span(
                f"process {topic}",
                kind=SpanKind.CONSUMER,
                attributes=self._attributes("process", topic, count) | self._group,
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
            _failure(span),
        ):
            if span.is_recording():
                received = list(messages)
                _name_place(span, received)
                _link(span, (_context_with(message) for _, message in received))
            yield span

    @contextmanager
    def send(
        self, topic_prefix: str, outgoing: Iterable[Outgoing]
    ) -> Iterator[Mapping[int, Sequence[Header]]]:
        """Have a span per topic while messages are published.

        Yields:
            By the `id` of a message that has no trace context from upstream, the headers of a new
            one. A context from upstream is passed on as it is; a dead letter keeps its headers.
        """
        by_topic: dict[str, list[Outgoing]] = {}
        for message in outgoing:
            by_topic.setdefault(topic_prefix + topic_of(message), []).append(message)
        created: dict[int, Sequence[Header]] = {}
        with ExitStack() as stack:
            for topic, messages in by_topic.items():
                span = self._tracer.start_span(
                    f"send {topic}",
                    kind=SpanKind.CLIENT,
                    attributes=self._attributes("send", topic, len(messages)),
                )
                stack.callback(span.end)
                stack.enter_context(_failure(span))
                if span.is_recording():
                    _link(span, [self._context_of(message, topic, created) for message in messages])
            yield created

    def _context_of(
        self, message: Outgoing, topic: str, created: dict[int, Sequence[Header]]
    ) -> SpanContext | None:
        match message:
            case DeadLetter():
                return _context_with(message)
            case Event() if message.cause.traceparent is not None:
                return _context(message.cause)
            case _:
                context, created[id(message)] = self._create(topic)
                return context

    def _create(self, topic: str) -> tuple[SpanContext, Sequence[Header]]:
        span = self._tracer.start_span(
            f"create {topic}",
            kind=SpanKind.PRODUCER,
            attributes=self._attributes("create", topic, 1),
        )
        span.end()
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(span))
        return span.get_span_context(), [(name, text.encode()) for name, text in carrier.items()]

    def _attributes(self, operation: str, topic: str, count: int) -> dict[str, str | int]:
        batch = {"messaging.batch.message_count": count} if count > 1 else {}
        return {
            **self._common,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": topic,
            **batch,
        }


UNTRACED = Tracing(trace.NoOpTracer())
"""The tracing of processors and publishers whose spans nobody records."""


def add_retry(error: BaseException | None) -> None:
    """Note in the current span that a transaction failed and is tried again."""
    attributes = {"error.type": type(error).__name__}
    trace.get_current_span().add_event("retry", attributes)


@contextmanager
def _failure(span: Span) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)
        raise


def _name_place(span: Span, messages: Sequence[tuple[TopicPartition, Incoming]]) -> None:
    partitions = {source.partition for source, _ in messages}
    if len(partitions) == 1:
        span.set_attribute("messaging.destination.partition.id", str(*partitions))
    if len(messages) == 1:
        span.set_attribute("messaging.kafka.offset", messages[0][1].offset)


def _link(span: Span, contexts: Iterable[SpanContext | None]) -> None:
    """Link to each sampled context once, and say how many do not fit."""
    sampled = {
        (context.trace_id, context.span_id): context for context in contexts if context is not None
    }
    for context in list(sampled.values())[:MAX_LINKS]:
        span.add_link(context)
    if len(sampled) > MAX_LINKS:
        span.set_attribute("order_import.links_left_out", len(sampled) - MAX_LINKS)


def _context_with(message: Incoming | DeadLetter) -> SpanContext | None:
    return _context(message_ref("", message.partition, message.offset, message.headers))


def _context(cause: MessageRef) -> SpanContext | None:
    if cause.traceparent is None or not int(cause.traceparent[-2:], 16) & TraceFlags.SAMPLED:
        return None
    carrier = {"traceparent": cause.traceparent, "tracestate": cause.tracestate or ""}
    context = trace.get_current_span(_W3C.extract(carrier)).get_span_context()
    return context if context.is_valid else None
