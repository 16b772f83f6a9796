"""Who sends a request, with which preferences, from which site, and with which CSRF token."""

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
"""A cookie that browsers send only with requests from our own pages or from a person."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The user of a request, and their preferences. `user` is None before signing in."""

    user: str | None
    role: Role
    csrf: str
    new_token: str | None
    """The token of a cookie to set, if the browser had none yet."""
    language: str
    theme: str
    keys: str
    """Whether keyboard shortcuts are `on` or `off`."""

    @property
    def can_edit(self) -> bool:
        """Whether this user may change anything."""
        return self.user is not None and self.role is Role.OPERATOR


def cookie_name(access: Access, name: str) -> str:
    """Return a cookie's name: over TLS, one that no other subdomain can set."""
    return f"__Host-{name}" if access.secure else name


def hashed(token: str) -> str:
    """Return the hash under which a token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def principal_of(request: Request) -> Principal:
    """Return the principal that `SecurityMiddleware` stored in the request."""
    principal: Principal = request.state.principal
    return principal


async def authenticate(context: ConsoleContext, headers: Headers) -> Principal:
    """Return who sent a request.

    Raises:
        StorageUnavailable: The session cannot be read.
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
    if len(token) < 32:  # noqa: PLR2004 - ours have 43 characters
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
    """Return whether a form carries this principal's token."""
    return isinstance(token, str) and hmac.compare_digest(token.encode(), principal.csrf.encode())


def is_same_origin(headers: Headers) -> bool:
    """Return whether a form is sent by one of our own pages, or by no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True  # not a current browser: the token must suffice
    return origin.partition("://")[2] == headers.get("host", "")


def may_load_page(headers: Headers) -> bool:
    """Return whether a page is requested by one of ours, by a person, or by no browser.

    Other sites may link to a page, but not load it as an image, in a frame or in the background.
    """
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return True
    goes_there = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return goes_there == ("navigate", "document") and "sec-purpose" not in headers


def is_from_here(access: Access, headers: Headers) -> bool:
    """Return whether the request comes from our own page or from a person, not from another site.

    A browser that sends neither header is recognized by its cookies: with a link from another
    site, it sends no cookie that is `SameSite=Strict`.
    """
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    if referer := headers.get("referer"):
        return referer.partition("://")[2].partition("/")[0] == headers.get("host", "")
    return "cookie" not in headers or cookie_name(access, HERE) in read_cookies(headers)


def read_cookies(headers: Headers) -> dict[str, str]:
    """Return the cookies; none if the header cannot be parsed."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _csrf_of(token: str) -> str:
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()
