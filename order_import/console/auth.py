"""Who sends a request, with which preferences, and from which site."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from typing_extensions import override

from order_import.console.access import Role, User
from order_import.console.context import ConsoleContext
from order_import.console.language import LANGUAGES, preferred

THEMES = ("auto", "light", "dark")
KEYS = ("on", "off")
LOCAL_OPERATOR = "local operator"
READ, EDIT = "read", "edit"
_SCOPES = {Role.VIEWER: [READ], Role.OPERATOR: [READ, EDIT]}
"""A program has none: its token opens no page."""


@dataclass(frozen=True, slots=True)
class Principal(BaseUser):
    """The user of a request, and their preferences. `user` is None before signing in."""

    user: str | None
    role: Role
    language: str
    theme: str
    keys: str
    """Whether keyboard shortcuts are `on` or `off`."""

    @property
    @override
    def is_authenticated(self) -> bool:
        return self.user is not None

    @property
    def can_edit(self) -> bool:
        """Whether this user may change anything."""
        return self.is_authenticated and self.role is Role.OPERATOR


def principal_of(request: Request) -> Principal:
    """Return the principal whom Starlette's `AuthenticationMiddleware` found."""
    principal: Principal = request.user
    return principal


def hashed(token: str) -> str:
    """Return the hash under which a token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


class SessionBackend(AuthenticationBackend):
    """Finds the user by the session whose token is in a cookie.

    Sessions are stored in MongoDB and not in the cookie itself, as Starlette's `SessionMiddleware`
    would do: so a sign-out and a new password end them.
    """

    def __init__(self, context: ConsoleContext) -> None:
        self._context = context

    @override
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, Principal]:
        """Return who sent a request, and as scopes what they may do.

        Raises:
            StorageUnavailable: The session cannot be read.
        """
        name: str | None = LOCAL_OPERATOR
        role = Role.OPERATOR
        if self._context.access.users is not None:
            user = await self._signed_in(conn)
            name, role = (user.name, user.role) if user else (None, Role.VIEWER)
        principal = Principal(
            name,
            role,
            _chosen(conn, "lang", LANGUAGES) or preferred(conn.headers.get("accept-language", "")),
            _chosen(conn, "theme", THEMES) or "auto",
            _chosen(conn, "keys", KEYS) or "on",
        )
        return AuthCredentials(_SCOPES[role] if name else []), principal

    async def _signed_in(self, conn: HTTPConnection) -> User | None:
        context = self._context
        token = conn.cookies.get(context.access.cookie_name("session"))
        session = await context.state.session(hashed(token)) if token else None
        if session is None or context.access.users is None or session.expires_at <= context.now():
            return None
        user = context.access.users.named(session.user)
        # A new password ends the sessions of the old one.
        is_valid = user is not None and session.password == hashed(user.secret_hash)
        return user if is_valid else None


def _chosen(conn: HTTPConnection, name: str, choices: Collection[str]) -> str | None:
    choice = conn.cookies.get(name)
    return choice if choice in choices else None


def is_from_here(headers: Headers) -> bool:
    """Return whether a request comes from one of our pages, from a person, or from no browser.

    This is the one defense against forged requests (CSRF). Browsers say in `Sec-Fetch-Site` where
    a request comes from. Over plain HTTP beyond this machine they do not, but they send `Origin`
    with each form and `Referer` with each link, unless the other site leaves the referrer out: so
    without any of them, a request with cookies is not trusted. Form tokens would add a secret,
    a cookie and forms that expire, and would stop nothing more.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    if source := headers.get("origin") or headers.get("referer"):
        return source.partition("://")[2].partition("/")[0] == headers.get("host", "")
    return "cookie" not in headers


def may_load_page(headers: Headers) -> bool:
    """Return whether a page is requested by one of ours, by a person, or by no browser.

    Other sites may link to a page, but not load it as an image, in a frame or in the background.
    """
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return True
    goes_there = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return goes_there == ("navigate", "document") and "sec-purpose" not in headers
