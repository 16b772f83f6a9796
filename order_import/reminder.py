"""When to say again that something is still so: at once, and then less and less often."""

import time

_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 300.0


class Reminder:
    """Of one thing that is so; time is the machine's, in seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._next = self._began
        self._pause = _FIRST_PAUSE

    @property
    def seconds(self) -> int:
        """How long it has been so."""
        return round(time.monotonic() - self._began)

    def is_due(self) -> bool:
        """Return whether it is time to say it, and wait longer for the next time."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True
