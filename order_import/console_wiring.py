"""The console put together: who may come in, what its pages ask, and the server under them."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import uvicorn

from console.app import build_app
from console.cache import Cache
from console.desk import Access, Desk
from console.users import Users, UsersFileError, read_users
from order_import.clients import (
    connect_console,
    connect_dead_letters,
    connect_reader,
    connect_storage,
)
from order_import.console_ports import KafkaLetterDesk, KafkaPublisher, ServerExaminer
from order_import.console_replays import OwnReplays
from order_import.settings import PREFIX, Settings, SettingsError
from streams.clock import now

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_STOP_WITHIN = 5


def access_of(settings: Settings) -> Access:
    """Say who may come in.

    Raises:
        SettingsError: Other machines reach it and nobody would have to sign in; or the file of
            users cannot be read.
    """
    users = _users_of(settings)
    is_local = _is_loopback(settings.console_host)
    if users is None and not is_local:
        raise SettingsError(
            f"{PREFIX}CONSOLE_USERS_FILE: expected, since other machines reach the console at "
            f"{PREFIX}CONSOLE_HOST={settings.console_host}"
        )
    hosts: set[str] = set(_LOCAL_NAMES) if is_local else set()
    is_secure = False
    if settings.console_public_url is not None:
        url = urlsplit(settings.console_public_url)
        is_secure = url.scheme == "https"
        hosts |= {(url.hostname or "").lower(), *_LOCAL_NAMES}
        if users is None and url.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise SettingsError(
                f"{PREFIX}CONSOLE_USERS_FILE: expected with {PREFIX}CONSOLE_PUBLIC_URL"
            )
    return Access(users, frozenset(hosts), is_secure)


@asynccontextmanager
async def open_desk(settings: Settings, access: Access) -> AsyncIterator[Desk]:
    """Give everything the pages ask, closed at the end."""
    async with (
        connect_reader(settings) as reader,
        connect_console(settings) as (orders, state),
        connect_dead_letters(settings) as letters,
        connect_storage(settings) as storage,
    ):
        replays = OwnReplays(settings, storage, reader)
        try:
            yield Desk(
                reader=reader,
                orders=orders,
                state=state,
                publisher=KafkaPublisher(settings),
                replays=replays,
                letters=KafkaLetterDesk(settings, letters),
                examiner=ServerExaminer(settings),
                access=access,
                now=now,
                cache=Cache(),
            )
        finally:
            await replays.close()


async def serve_console(settings: Settings) -> None:
    """Serve until a signal.

    Raises:
        SettingsError: As `access_of`.
    """
    access = access_of(settings)
    async with open_desk(settings, access) as desk:
        server = uvicorn.Server(
            uvicorn.Config(
                build_app(desk),
                host=settings.console_host,
                port=settings.console_port,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                lifespan="off",
                proxy_headers=False,
                timeout_graceful_shutdown=_STOP_WITHIN,
                limit_concurrency=500,
            )
        )
        await server.serve()
        if not server.started:
            raise SettingsError(
                f"{PREFIX}CONSOLE_PORT: {settings.console_host}:{settings.console_port} is taken"
            )


def address_of(settings: Settings) -> str:
    """Give where a browser on this machine finds the console."""
    host = settings.console_host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - asked for, and only with users
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.console_port}/"


def _users_of(settings: Settings) -> Users | None:
    file = settings.console_users_file
    if file is None:
        return None
    try:
        return read_users(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{PREFIX}CONSOLE_USERS_FILE: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{PREFIX}CONSOLE_USERS_FILE: is no text") from None
    except UsersFileError as error:
        raise SettingsError(f"{PREFIX}CONSOLE_USERS_FILE: {error}") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
