"""Signing in and out, and the preferences kept by the browser: language, theme and shortcuts."""

import asyncio
import secrets
import time
from collections import deque
from datetime import timedelta
from http import HTTPStatus

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from order_import.console import urls
from order_import.console.auth import KEYS, THEMES, hashed, principal_of
from order_import.console.language import LANGUAGES, gettext_noop
from order_import.console.rendering import audit, context_of, redirect, render
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
_few_at_a_time = asyncio.Semaphore(2)


async def sign_in(request: Request) -> Response:
    """Show the sign-in page."""
    if principal_of(request).is_authenticated:
        return redirect("/")
    return await _page(request, HTTPStatus.OK, None, request.query_params.get("next", ""))


async def signed_in(request: Request, form: QueryParams) -> Response:
    """Sign a user in, if the password is right."""
    context = context_of(request)
    access = context.access
    name, next_page = form.get("name", "").strip()[:64], form.get("next", "")
    if access.users is None:
        return redirect("/")
    who = [f"name {name}"]
    if not access.secure and request.client is not None:
        who.append(f"address {request.client.host}")  # behind a proxy, all users have its address
    if _tries.refuses(*who):
        line = gettext_noop("Too many attempts. Wait five minutes.")
        return await _page(request, HTTPStatus.TOO_MANY_REQUESTS, line, next_page)
    _tries.begin(*who)
    async with _few_at_a_time:
        password = form.get("password", "")[:1_000]
        user = await asyncio.to_thread(access.users.check, name, password)
    if user is None:
        line = gettext_noop("Wrong name or password.")
        return await _page(request, HTTPStatus.UNAUTHORIZED, line, next_page)
    _tries.succeeded(*who)
    token, at = secrets.token_urlsafe(32), context.now()
    session = Session(hashed(token), user.name, hashed(user.password_hash), at, at + _LASTS)
    await context.state.add_session(session)
    await context.state.record(AuditEntry(urls.new_id(), at, user.name, "signed-in", ""))
    answer = redirect(next_page if urls.is_local(next_page) else "/")
    _set(answer, access.secure, access.cookie_name("session"), token, _LASTS.seconds)
    return answer


async def sign_out(request: Request, _: QueryParams) -> Response:
    """End a session."""
    context = context_of(request)
    name = context.access.cookie_name("session")
    token = request.cookies.get(name)
    if token is not None and context.access.users is not None:
        await context.state.end_session(hashed(token))
        await audit(request, "signed-out", "")
    answer = redirect("/sign-in")
    answer.delete_cookie(name, secure=context.access.secure, httponly=True)
    return answer


async def prefer(request: Request, form: QueryParams) -> Response:
    """Set a language, a theme, or shortcuts on or off, in cookies of this browser."""
    back = form.get("back", "")
    answer = redirect(back if urls.is_local(back) else "/")
    for name, choices in (("lang", LANGUAGES), ("theme", THEMES), ("keys", KEYS)):
        if (choice := form.get(name, "")) in choices:
            _set(answer, context_of(request).access.secure, name, choice, _YEAR)
    return answer


async def _page(
    request: Request, status: HTTPStatus, error: str | None, next_page: str
) -> Response:
    return await render(
        request, "sign_in.html", status=status, frame=False, error=error, next_page=next_page
    )


def _set(answer: Response, secure: bool, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, secure=secure, httponly=True, samesite="lax")
