"""A visit: who asks, in which language, and what proves that a form is from one of our pages."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.requests import Request

from order_import.console.access import Access, Role
from order_import.console.context import ConsoleContext
from order_import.console.language import LANGUAGES, preferred

THEMES = ("auto", "light", "dark")
KEYS = ("on", "off")
LOCAL_OPERATOR = "local operator"
HERE = "here"
"""A cookie that browsers send only where one of our own pages, or a person, asks."""


@dataclass(frozen=True, slots=True)
class Principal:
    """One request's who and how. `user` is None for somebody who still has to sign in."""

    user: str | None
    role: Role
    csrf: str
    new_token: str | None
    """A cookie to set, where the browser had none yet."""
    language: str
    theme: str
    keys: str
    """Whether single keys do something."""

    @property
    def can_edit(self) -> bool:
        """Whether this visitor may change something."""
        return self.user is not None and self.role is Role.OPERATOR


def cookie_name(access: Access, name: str) -> str:
    """Give a cookie's name: over TLS one that no neighbor of this host can set."""
    return f"__Host-{name}" if access.secure else name


def hashed(token: str) -> str:
    """Give what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def principal_of(request: Request) -> Principal:
    """Give the visit that the guard has let pass."""
    principal: Principal = request.state.principal
    return principal


async def authenticate(context: ConsoleContext, headers: Headers) -> Principal:
    """Say who asks.

    Raises:
        StorageUnavailable: Sessions cannot be looked up.
    """
    cookies = read_cookies(headers)
    language = cookies.get("lang", "")
    if language not in LANGUAGES:
        language = preferred(headers.get("accept-language", ""))
    theme = cookies.get("theme", "auto")
    theme = theme if theme in THEMES else "auto"
    keys = "off" if cookies.get("keys") == "off" else "on"
    access = context.access
    token = cookies.get(cookie_name(access, "form"), "")
    new_token = None
    if len(token) < 32:  # noqa: PLR2004 - what `token_urlsafe` gives, and no less
        token = new_token = secrets.token_urlsafe(32)
    csrf = _csrf_of(token)
    if access.users is None:
        return Principal(LOCAL_OPERATOR, Role.OPERATOR, csrf, new_token, language, theme, keys)
    signed_in = cookies.get(cookie_name(access, "session"))
    session = await context.state.session(hashed(signed_in)) if signed_in else None
    user = access.users.named(session.user) if session is not None else None
    is_over = (
        session is None
        or user is None
        or session.expires_at <= context.now()
        or session.password != hashed(user.password_hash)
    )
    if session is None or user is None or is_over:
        return Principal(None, Role.VIEWER, csrf, new_token, language, theme, keys)
    return Principal(user.name, user.role, session.csrf, None, language, theme, keys)


def is_ours(principal: Principal, token: object) -> bool:
    """Say whether a form carries the token of this visit."""
    return isinstance(token, str) and hmac.compare_digest(token.encode(), principal.csrf.encode())


def is_same_origin(headers: Headers) -> bool:
    """Say whether the browser sends this from one of our own pages."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True  # no browser of this decade: the token has to do
    return origin.partition("://")[2] == headers.get("host", "")


def is_visit(headers: Headers) -> bool:
    """Say whether a page is asked for by one of ours, by a person, or by no browser.

    Other sites may link to a page, but load none as a picture, in a frame or in the background.
    """
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return True
    goes_there = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return goes_there == ("navigate", "document") and "sec-purpose" not in headers


def is_from_here(access: Access, headers: Headers) -> bool:
    """Say whether a page of ours or a person asks, and no link of another site.

    A browser that does not tell tells by its cookies: of another site's link it sends none that
    are for this site alone.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    if referer := headers.get("referer"):
        return referer.partition("://")[2].partition("/")[0] == headers.get("host", "")
    return "cookie" not in headers or cookie_name(access, HERE) in read_cookies(headers)


def read_cookies(headers: Headers) -> dict[str, str]:
    """Give the cookies; none where the header cannot be read."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _csrf_of(token: str) -> str:
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()
