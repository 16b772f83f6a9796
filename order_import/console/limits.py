"""Limits: how much of a request is read, and how many requests are answered at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect
from starlette.types import Receive

MOST_BYTES = 256 * 1024
"""How long a form may be."""


MOST_FIELDS = 2_000
"""How many fields a form may have."""


MOST_HEAD_BYTES = 16 * 1024
"""How long the lines of a request's headers may be together."""


MOST_QUERY_BYTES = 4_096
"""How long a path, and a query string, may be; pages repeat them in their links."""


_AT_ONCE = {
    "/live": 200,
    "/orders.csv": 4,
    "/orders.jsonl": 4,
    "/replays/new": 2,
    "/blocked/what-if": 2,
}
"""How many requests of a kind are answered at once: those that last, or that cost the database."""


_OTHERS_AT_ONCE = 200


_LASTING = frozenset({"/live", "/orders.csv", "/orders.jsonl"})


_ANSWERED_WITHIN = 300.0


class RequestTooLarge(Exception):  # noqa: N818 - a refusal, nothing is broken
    """More was sent than is taken."""


async def read_body(receive: Receive) -> bytes:
    """Return a request's body by the bytes that really come, whatever its head says.

    Raises:
        RequestTooLarge: It is longer than a form may be; what follows is not read.
        ClientDisconnect: It ended before it was whole.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise RequestTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def parse_form(body: bytes) -> FormData:
    """Return the fields of a form as browsers send it.

    Raises:
        RequestTooLarge: It has more fields than are taken.
    """
    try:
        fields: list[tuple[str, Any]] = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise RequestTooLarge from None
    return FormData(fields)


def seconds_for(path: str) -> float | None:
    """Return for how many seconds a page may be worked on; None for one that is sent bit by bit."""
    return None if path in _LASTING else _ANSWERED_WITHIN


class Places:
    """Counts what is being answered, by kind: what lasts long cannot shut the other pages out."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, path: str) -> Iterator[bool]:
        """Take a place for a request, given back at the end; False if there is none."""
        kind = path if path in _AT_ONCE else ""
        if self._taken[kind] >= _AT_ONCE.get(kind, _OTHERS_AT_ONCE):
            yield False
            return
        self._taken[kind] += 1
        try:
            yield True
        finally:
            self._taken[kind] -= 1
