"""About when a list begins: the moment before which there is nothing, found once."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

_FARTHEST = timedelta(days=7_300)
_NEARER = 0.95
_CLOSE = timedelta(hours=1)


async def beginning_of(
    at: datetime, is_empty_before: Callable[[datetime], Awaitable[bool]]
) -> datetime:
    """Give a moment up to an hour before the first of a list; `at` is the present.

    It is only where reading begins best: a list that begins earlier is read in full too. Asking
    nearer and nearer from afar touches few documents, also on a server that counts before it
    answers.
    """
    far = _FARTHEST
    near = far * _NEARER
    while near > _CLOSE and await is_empty_before(at - near):
        far, near = near, near * _NEARER
    while far - near > _CLOSE:
        middle = near + (far - near) / 2
        if await is_empty_before(at - middle):
            far = middle
        else:
            near = middle
    return at - far
