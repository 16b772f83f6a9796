"""How a command ends that did not do what was asked: one line, and the exit status."""

REFUSED = 1
"""Refused, or found wanting."""
BAD_USAGE = 2
"""A wrong option, argument or setting."""
BROKEN = 70
"""Something broke that nobody foresaw (EX_SOFTWARE)."""


class CommandRefused(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """The command was refused or found wanting. The message is the line people read."""
