"""Who may use the console and under which names it is reached: users, roles, hosts, sockets."""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from order_import.settings import PREFIX, Settings, SettingsError, is_writable_by_others


class Role(StrEnum):
    """What a user may do: read, or read and change."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class User:
    """A user who signs in with a password."""

    name: str
    role: Role
    password_hash: str


class Users:
    """The users of a users file."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = users
        self._hasher = PasswordHasher()
        # An unknown name must take as long as a wrong password.
        self._nobody = self._hasher.hash("nobody has this password")

    def named(self, name: str) -> User | None:
        """Return the user with this name."""
        return self._users.get(name)

    def check(self, name: str, password: str) -> User | None:
        """Return the user with this name and password.

        This takes a tenth of a second, whether the password is right or not.
        """
        user = self._users.get(name)
        try:
            self._hasher.verify(self._nobody if user is None else user.password_hash, password)
        except (VerificationError, InvalidHashError):
            return None
        return user


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the console, and how. Without users nobody signs in: everybody is an operator.

    `hosts` are the host names the console accepts; empty for any. `secure` is whether it is reached
    over TLS.
    """

    users: Users | None
    hosts: frozenset[str]
    secure: bool

    def cookie_name(self, name: str) -> str:
        """Return the name of a cookie: over TLS, one that no other subdomain can set."""
        return f"__Host-{name}" if self.secure else name


_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def access_of(settings: Settings) -> Access:
    """Return who may use the console.

    Raises:
        SettingsError: Other machines could reach the console without signing in, or the users
            file cannot be read.
    """
    users, host = _users_of(settings), settings.console_host
    url = urlsplit(settings.console_public_url or "")
    name = (url.hostname or "").lower()
    if users is None and not _is_loopback(host):
        raise SettingsError(
            f"{PREFIX}CONSOLE_USERS_FILE: expected, since other machines reach the console at "
            f"{PREFIX}CONSOLE_HOST={host}"
        )
    if users is None and name and not _is_loopback(name):
        raise SettingsError(f"{PREFIX}CONSOLE_USERS_FILE: expected with {PREFIX}CONSOLE_PUBLIC_URL")
    hosts: set[str] = {*_LOCAL_NAMES, _bracketed(host)} if _is_loopback(host) else set()
    if name:
        hosts |= {_bracketed(name), *_LOCAL_NAMES}
    return Access(users, frozenset(hosts), url.scheme == "https")


def address_of(settings: Settings) -> str:
    """Return the console's address for a browser on this machine."""
    host = settings.console_host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - configured on purpose, and only with users
        host = "127.0.0.1"
    return f"http://{_bracketed(host)}:{settings.console_port}/"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _users_of(settings: Settings) -> Users | None:
    file = settings.console_users_file
    if file is None:
        return None
    if is_writable_by_others(file):
        raise SettingsError(f"{PREFIX}CONSOLE_USERS_FILE: others may write {file}; chmod 600")
    try:
        return read_users(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "expected text in UTF-8"
    except UsersFileError as error:
        reason = str(error)
    raise SettingsError(f"{PREFIX}CONSOLE_USERS_FILE: {reason}")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(settings: Settings) -> socket.socket:
    """Return the socket that the console listens on.

    Raises:
        SettingsError: The address cannot be bound.
    """
    try:
        return _listen(settings.console_host, settings.console_port)
    except OSError as error:
        raise SettingsError(
            f"{PREFIX}CONSOLE_HOST, {PREFIX}CONSOLE_PORT: cannot listen: {error.strerror}"
        ) from None


def free_port(host: str, preferred: int) -> int:
    """Return the preferred port if it is free, otherwise another one."""
    for port in (preferred, 0):
        with contextlib.suppress(OSError), _listen(host, port) as probe:
            return int(probe.getsockname()[1])
    return preferred


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class UsersFileError(Exception):
    """A line of the users file is invalid. The message has its number and none of its text."""


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    return PasswordHasher().hash(password)


def read_users(text: str) -> Users:
    """Read lines of `name:role:hash`, skipping empty lines and those that begin with #.

    Raises:
        UsersFileError: A line is invalid, a name occurs twice, or there are no users.
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
            raise UsersFileError(f"line {number}: this name is repeated")
        users[name] = User(name, Role(role), password_hash)
    if not users:
        raise UsersFileError("it has no users")
    return Users(users)
