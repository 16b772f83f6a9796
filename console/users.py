"""Who may sign in: a file with a line for each, and how their passwords are checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class Role(StrEnum):
    """What somebody may do: look, or look and act."""

    VIEWER = "viewer"
    OPERATOR = "operator"


class UsersFileError(Exception):
    """A line of the users file is wrong. The message names the line, and nothing in it."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a password."""

    name: str
    role: Role
    password_hash: str


class Users:
    """The users of one file."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = users
        self._hasher = PasswordHasher()
        # A name that nobody has takes as long as a wrong password.
        self._nobody = self._hasher.hash("nobody has this password")

    def __len__(self) -> int:
        return len(self._users)

    def named(self, name: str) -> User | None:
        """Give who has this name."""
        return self._users.get(name)

    def check(self, name: str, password: str) -> User | None:
        """Give who has this name and password. Takes a tenth of a second, whatever the answer."""
        user = self._users.get(name)
        try:
            self._hasher.verify(self._nobody if user is None else user.password_hash, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return None
        return user


def hash_password(password: str) -> str:
    """Give the argon2id hash of a password."""
    return PasswordHasher().hash(password)


def read_users(text: str) -> Users:
    """Read lines of `name:role:hash`; empty lines and those that begin with # are skipped.

    Raises:
        UsersFileError: A line is none of these, a name comes twice, or there is nobody.
    """
    users: dict[str, User] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        role, _, password_hash = rest.partition(":")
        if not NAME.fullmatch(name) or role not in set(Role):
            raise UsersFileError(f"line {number}: expected name:viewer|operator:hash")
        if not password_hash.startswith("$argon2id$"):
            raise UsersFileError(f"line {number}: expected an argon2id hash")
        if name in users:
            raise UsersFileError(f"line {number}: this name came before")
        users[name] = User(name, Role(role), password_hash)
    if not users:
        raise UsersFileError("it names nobody")
    return Users(users)
