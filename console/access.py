"""Access: who may come in, and how."""

from dataclasses import dataclass

from console.users import Users


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in, and how. Without users nobody signs in, and everybody is the operator.

    `hosts` are the names this console answers to; empty for any. `secure` says that it is reached
    over TLS.
    """

    users: Users | None
    hosts: frozenset[str]
    secure: bool
