"""Signing in and out, and the preferences kept by the browser: language, theme and shortcuts."""

import asyncio
import secrets
import time
from collections import deque
from datetime import timedelta
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from order_import.console import urls
from order_import.console.auth import KEYS, THEMES, cookie_name, hashed, principal_of, read_cookies
from order_import.console.language import LANGUAGES, gettext_noop
from order_import.console.rendering import audit, context_of, get, post, redirect, render, text_of
from storage.port import AuditEntry, Session

_LASTS = timedelta(hours=12)
_TRIES, _WITHIN = 5, 300.0
_ALL_TRIES = 300
_MOST_NAMES = 1_000
_YEAR = 365 * 24 * 3600


class Tries:
    """Counts failed attempts: by name, by address, and in total."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}

    def refuses(self, *names: str) -> bool:
        """Return whether one of them, or all together, failed too often recently."""
        since = time.monotonic() - _WITHIN
        for name in (*names, ""):
            failed = self._failed.get(name, deque())
            while failed and failed[0] < since:
                failed.popleft()
            if len(failed) >= (_TRIES if name else _ALL_TRIES):
                return True
        return False

    def begin(self, *names: str) -> None:
        """Count an attempt as failed until it succeeds: concurrent attempts count immediately."""
        if len(self._failed) > _MOST_NAMES:
            self._failed = {"": self._failed.get("", deque())}
        for name in (*names, ""):
            self._failed.setdefault(name, deque(maxlen=_ALL_TRIES)).append(time.monotonic())

    def succeeded(self, *names: str) -> None:
        """Uncount an attempt that succeeded."""
        for name in (*names, ""):
            if failed := self._failed.get(name):
                failed.pop()


_tries = Tries()
_one_at_a_time = asyncio.Semaphore(2)


async def sign_in(request: Request) -> Response:
    """Show the sign-in page."""
    if principal_of(request).user is not None:
        return redirect("/")
    return await _page(request, HTTPStatus.OK, None, request.query_params.get("next", ""))


async def signed_in(request: Request, form: FormData) -> Response:
    """Sign a user in, if the password is right."""
    context = context_of(request)
    users = context.access.users
    name, next_page = text_of(form, "name")[:64], text_of(form, "next")
    if users is None:
        return redirect("/")
    who = [f"name {name}"]
    if not context.access.secure and request.client is not None:
        who.append(f"address {request.client.host}")  # behind a proxy, all users have its address
    if _tries.refuses(*who):
        line = gettext_noop("Too many tries. Wait five minutes.")
        return await _page(request, HTTPStatus.TOO_MANY_REQUESTS, line, next_page)
    _tries.begin(*who)
    password = form.get("password")
    async with _one_at_a_time:
        given = password[:1_000] if isinstance(password, str) else ""
        user = await asyncio.to_thread(users.check, name, given)
    if user is None:
        line = gettext_noop("Name and password do not fit.")
        return await _page(request, HTTPStatus.UNAUTHORIZED, line, next_page)
    _tries.succeeded(*who)
    token, at = secrets.token_urlsafe(32), context.now()
    await context.state.add_session(
        Session(
            hashed(token),
            user.name,
            hashed(user.password_hash),
            secrets.token_hex(32),
            at,
            at + _LASTS,
        )
    )
    await context.state.record(AuditEntry(urls.new_id(), at, user.name, "signed-in", ""))
    answer = redirect(next_page if urls.is_local(next_page) else "/")
    _set(
        answer, context.access.secure, cookie_name(context.access, "session"), token, _LASTS.seconds
    )
    return answer


async def sign_out(request: Request, form: FormData) -> Response:
    """End a session."""
    del form
    context = context_of(request)
    name = cookie_name(context.access, "session")
    token = read_cookies(request.headers).get(name)
    if token is not None and context.access.users is not None:
        await context.state.end_session(hashed(token))
        await audit(request, "signed-out", "")
    answer = redirect("/sign-in")
    answer.delete_cookie(name, secure=context.access.secure, httponly=True, samesite="strict")
    return answer


async def prefer(request: Request, form: FormData) -> Response:
    """Set a language, a theme, or shortcuts on or off, in cookies of this browser."""
    back = text_of(form, "back")
    answer = redirect(back if urls.is_local(back) else "/")
    secure = context_of(request).access.secure
    if (language := text_of(form, "lang")) in LANGUAGES:
        _set(answer, secure, "lang", language, _YEAR)
    if (theme := text_of(form, "theme")) in THEMES:
        _set(answer, secure, "theme", theme, _YEAR)
    if (keys := text_of(form, "keys")) in KEYS:
        _set(answer, secure, "keys", keys, _YEAR)
    return answer


async def _page(
    request: Request, status: HTTPStatus, error: str | None, next_page: str
) -> Response:
    return await render(
        request, "sign_in.html", status=status, frame=False, error=error, next_page=next_page
    )


def _set(answer: Response, secure: bool, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(
        name, value, max_age=seconds, secure=secure, httponly=True, samesite="lax", path="/"
    )


ROUTES: list[BaseRoute] = [
    get("/sign-in", sign_in),
    post("/sign-in", signed_in, viewers=True),
    post("/sign-out", sign_out, viewers=True),
    post("/preferences", prefer, viewers=True),
]
