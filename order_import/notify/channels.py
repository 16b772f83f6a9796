"""The channels: a webhook and a mail server, each of which accepts a notification or does not."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import aiosmtplib
import structlog
from typing_extensions import override

from models.notifications import Notification
from order_import.console.access import address_of
from order_import.errors import describe
from order_import.notify.message import MessageWriter
from order_import.settings import PREFIX, Settings, SettingsError

log = structlog.get_logger(__name__)

_SECONDS = 10.0
"""How long a server may take to accept a notification."""
_ACCEPTED = range(200, 300)


class NotSent(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A channel has not accepted a notification. The message says why, without any secret."""


class Channel(Protocol):
    """Where notifications are sent."""

    async def send(self, notification: Notification) -> None:
        """Send a notification, and return once it is accepted.

        Raises:
            NotSent: It was not accepted, or whether it was is unknown.
        """
        ...

    async def reach(self) -> None:
        """Connect to the server, and sign in if it asks for that, without sending anything.

        Raises:
            NotSent: It could not be reached.
        """
        ...


class Webhook(Channel):
    """Posts JSON to an address. The id is in the header `Idempotency-Key`."""

    def __init__(self, url: str, writer: MessageWriter) -> None:
        self._url = url
        self._writer = writer

    @override
    async def send(self, notification: Notification) -> None:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session,
                session.post(
                    self._url,
                    json=self._writer.to_json(notification),
                    headers={"Idempotency-Key": notification.notification_id},
                    allow_redirects=False,
                ) as response,
            ):
                status = response.status
        except Exception as error:  # noqa: BLE001 - whatever it is, the notification is kept
            raise NotSent(describe(error)) from None
        if status not in _ACCEPTED:
            raise NotSent(f"status {status}")

    @override
    async def reach(self) -> None:
        url = urlsplit(self._url)
        is_encrypted = url.scheme == "https"
        try:
            async with asyncio.timeout(_SECONDS):
                _, writer = await asyncio.open_connection(
                    url.hostname, url.port or (443 if is_encrypted else 80), ssl=is_encrypted
                )
        except (OSError, UnicodeError) as error:
            raise NotSent(_describe_connecting(error)) from None
        writer.close()


class Mail(Channel):
    """Sends e-mail through a server. The id is in `Message-ID` and `Idempotency-Key`."""

    def __init__(self, settings: Settings, writer: MessageWriter) -> None:
        self._settings = settings
        self._writer = writer

    @override
    async def send(self, notification: Notification) -> None:
        try:
            async with self._connect() as server:
                refused, _ = await server.send_message(self._message(notification))
        except aiosmtplib.SMTPResponseException as error:
            raise NotSent(f"{type(error).__name__} {error.code}") from None
        except Exception as error:  # noqa: BLE001 - whatever it is, the notification is kept
            raise NotSent(describe(error)) from None
        if refused:
            log.warning("recipients-refused", recipients=len(refused))

    @override
    async def reach(self) -> None:
        try:
            async with self._connect():
                pass
        except aiosmtplib.SMTPResponseException as error:
            raise NotSent(f"{type(error).__name__} {error.code}") from None
        except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
            raise NotSent(_describe_connecting(error.__cause__ or error)) from None

    def _connect(self) -> aiosmtplib.SMTP:
        settings = self._settings
        password = settings.notify_smtp_password
        return aiosmtplib.SMTP(
            hostname=settings.notify_smtp_host,
            port=settings.notify_smtp_port,
            use_tls=settings.notify_smtp_security == "tls",
            start_tls=settings.notify_smtp_security == "starttls",
            username=settings.notify_smtp_username,
            password=None if password is None else password.get_secret_value(),
            timeout=_SECONDS,
        )

    def _message(self, notification: Notification) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.notify_smtp_from
        message["To"] = self._settings.notify_smtp_to
        message["Subject"] = self._writer.title(notification)
        message["Date"] = format_datetime(notification.at)
        message["Message-ID"] = f"<{notification.notification_id}@order-import>"
        message["Idempotency-Key"] = notification.notification_id
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self._writer.text(notification))
        return message


def _describe_connecting(error: BaseException) -> str:
    match error:
        case socket.gaierror() | UnicodeError():
            return "its host name is not known"
        case ssl.SSLCertVerificationError():
            return "its certificate is not accepted"
        case ssl.SSLError():
            return "TLS failed"
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "nothing listens there"
        case _:
            return describe(error)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its port is none, for example
        return False


def channels_of(settings: Settings) -> Mapping[str, Channel]:
    """Return the channels that the settings name, by their names.

    Raises:
        SettingsError: They name none, or the webhook's address is none.
    """
    writer = MessageWriter(settings.console_public_url or address_of(settings))
    channels: dict[str, Channel] = {}
    if settings.notify_webhook_url is not None:
        url = settings.notify_webhook_url.get_secret_value()
        if not _is_web_address(url):
            raise SettingsError(f"{PREFIX}NOTIFY_WEBHOOK_URL: expected https://host/…")
        channels["webhook"] = Webhook(url, writer)
    if settings.notify_smtp_host is not None:
        channels["mail"] = Mail(settings, writer)
    if not channels:
        raise SettingsError(
            f"{PREFIX}NOTIFY_WEBHOOK_URL or {PREFIX}NOTIFY_SMTP_HOST: expected at least one"
        )
    return channels
