"""A message to publish, whichever Kafka client sends it."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish: `topic` is without the prefix of an installation."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    def with_trace(self, traceparent: str, tracestate: str | None = None) -> "Message":
        """Return the message with W3C's trace context, which the events it causes will have."""
        state = [] if tracestate is None else [("tracestate", tracestate.encode())]
        trace = (("traceparent", traceparent.encode()), *state)
        return replace(self, headers=(*self.headers, *trace))
