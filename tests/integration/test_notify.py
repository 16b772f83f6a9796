"""`notify` with a real webhook and a real mail server, which fail and come back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from models.topics import TopicName
from order_import.notify.preflight import check_channels
from order_import.operations.preflight import Level
from order_import.settings import Settings
from tests.integration.kit import System, Worker
from tests.integration.wire import key, order, product, store
from tests.waiting import until

SECRET = "s3cret-t0ken"  # noqa: S105 - of servers that exist in this test only
Handle = Callable[..., Any]


@dataclass
class Hook:
    """A webhook that keeps what it accepts, and fails as long as `failing` has a status.

    Each failure has the next status, the last one again and again. It answers nothing while
    `answering` is not set.
    """

    port: int = 0
    failing: list[int] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    tried: int = 0
    accepted: list[tuple[Mapping[str, str], dict[str, Any]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path == f"/{SECRET}"
        self.tried += 1
        body = await request.json()
        await self.answering.wait()
        if self.failing:
            status = self.failing.pop(0) if len(self.failing) > 1 else self.failing[0]
            return web.Response(status=status, headers={"Location": "/elsewhere"})
        self.accepted.append((dict(request.headers), body))
        return web.Response(status=204)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(body["kind"], body["causes"][0]["sku"]) for _, body in self.accepted]


@dataclass
class MailServer:
    """A mail server that asks for a password, and keeps what it accepts."""

    port: int = 0
    refusing: bool = False
    accepted: list[EmailMessage] = field(default_factory=list)

    def authenticate(self, *arguments: Any) -> AuthResult:
        return AuthResult(success=arguments[-1].password == SECRET.encode(), handled=False)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        if self.refusing:
            return f"451 {SECRET}: try again later"
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.accepted.append(message)
        return "250 OK"


@asynccontextmanager
async def a_hook(hook: Hook) -> AsyncIterator[Hook]:
    app = web.Application()
    app.router.add_post("/{any:.*}", hook.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", hook.port)
    await site.start()
    hook.port = runner.addresses[0][1]
    hook.answering.set()
    try:
        yield hook
    finally:
        await runner.cleanup()


@asynccontextmanager
async def a_mail_server() -> AsyncIterator[MailServer]:
    mail = MailServer()

    def connected() -> SMTP:
        return SMTP(mail, authenticator=mail.authenticate, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    mail.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mail


def settings_for(hook: Hook | None, mail: MailServer | None = None) -> dict[str, object]:
    settings: dict[str, object] = {"console_public_url": "http://127.0.0.1:8080"}
    if hook is not None:
        settings["notify_webhook_url"] = f"http://127.0.0.1:{hook.port}/{SECRET}"
    if mail is not None:
        settings |= {
            "notify_smtp_host": "127.0.0.1",
            "notify_smtp_port": mail.port,
            "notify_smtp_security": "none",
            "notify_smtp_username": "notifier",
            "notify_smtp_password": SECRET,
            "notify_smtp_from": "orders@shop.example",
            "notify_smtp_to": "olga@shop.example, otto@shop.example",
        }
    return settings


async def a_notifier(system: System, settings: Mapping[str, object]) -> Worker:
    return await system.start_worker("-m", "order_import", "notify", **settings)


async def block(system: System, number: int, sku: str) -> None:
    """Have an order blocked by a product that is not in the catalog."""
    document = order(number, items=[{"order_item_id": "1", "seller_sku": sku, "quantity": 1}])
    await system.publish(TopicName.ORDERS, document)
    await system.becomes(key(document), "blocked")


async def ends(notifier: Worker) -> str:
    """End it in good order; give its log, which has no secret."""
    assert await notifier.stop() == 0, notifier.log.read_text()
    log = notifier.log.read_text()
    assert SECRET not in log
    assert "jane@marker.example" not in log
    return log


@pytest.fixture
async def working(system: System) -> AsyncIterator[System]:
    await system.publish(TopicName.STORES, store())
    async with system.worker():
        yield system


async def test_a_block_is_told_by_webhook_and_mail_once_with_the_link(working: System) -> None:
    async with a_hook(Hook()) as hook, a_mail_server() as mail:
        notifier = await a_notifier(working, settings_for(hook, mail))
        await block(working, 1, "LAMP")
        await until(_holds(lambda: hook.accepted and mail.accepted))
        [(headers, body)], [message] = hook.accepted, mail.accepted
        assert body["causes"][0]["orders"] == 1
        assert body["link"] == (
            "http://127.0.0.1:8080/blocked/what-if?code=not-in-catalog&sku=LAMP"
        )
        assert headers["Idempotency-Key"] == body["id"] == message["Idempotency-Key"]
        assert message["Message-ID"] == f"<{body['id']}@order-import>"
        assert message["To"] == "olga@shop.example, otto@shop.example"
        assert body["link"] in message.get_content()
        assert message["Subject"].strip() == body["title"]  # it may be folded after its name
        log = await ends(notifier)
        assert log.count("notification-sent") == 2

        # No restart repeats it: the next one is of the next cause.
        notifier = await a_notifier(working, settings_for(hook, mail))
        await block(working, 2, "MUG")
        await until(_holds(lambda: len(hook.accepted) > 1 and len(mail.accepted) > 1))
        assert hook.kinds == [("blocked", "LAMP"), ("blocked", "MUG")]
        assert len(mail.accepted) == 2
        await ends(notifier)


async def test_a_webhook_that_fails_gets_everything_later_and_stops_nothing(
    working: System,
) -> None:
    async with a_hook(Hook(failing=[500, 404, 302])) as hook, a_mail_server() as mail:
        notifier = await a_notifier(working, settings_for(hook, mail))
        await block(working, 1, "LAMP")
        await until(_holds(lambda: mail.accepted and "status 302" in notifier.log.read_text()))
        await notifier.kill()
        log = notifier.log.read_text()
        assert SECRET not in log
        assert [status in log for status in ("status 500", "status 404")] == [True, True]

        # Kept over a power cut, and without the cause: it was due when it was stored. As if the
        # 20 s had passed in which the killed one alone may send.
        long_ago = {"$set": {"held_until": datetime(2025, 1, 1, tzinfo=UTC)}}
        await working.db.notifications.update_one({"_id": "ledger"}, long_ago)
        notifier = await a_notifier(working, settings_for(hook, mail))
        await block(working, 2, "MUG")
        hook.failing = []
        await until(_holds(lambda: len(hook.accepted) > 1 and len(mail.accepted) > 1))
        assert hook.kinds == [("blocked", "LAMP"), ("blocked", "MUG")]
        assert len(mail.accepted) == 2
        ledger = await working.db.notifications.find_one({"_id": "ledger"})
        await ends(notifier)
        assert {one["channel"] for one in ledger["outbox"]} <= {"mail", "webhook"}


async def test_a_mail_server_that_refuses_or_is_away_loses_nothing(working: System) -> None:
    async with a_mail_server() as mail:
        mail.refusing = True
        settings = settings_for(None, mail)
        notifier = await a_notifier(working, settings)
        await block(working, 1, "LAMP")

        async def has_failed() -> bool:
            return "notification-not-sent" in notifier.log.read_text()

        await until(has_failed)
        assert "451" in notifier.log.read_text()
        mail.refusing = False
        await until(_holds(lambda: mail.accepted))
        await ends(notifier)
    away = await a_notifier(working, settings)
    await block(working, 2, "MUG")

    async def is_away() -> bool:
        return "notification-not-sent" in away.log.read_text()

    await until(is_away)
    await ends(away)
    ledger = await working.db.notifications.find_one({"_id": "ledger"})
    assert [one["causes"][0]["sku"] for one in ledger["outbox"]] == ["MUG"]


async def test_a_stop_waits_for_what_is_being_sent(working: System) -> None:
    async with a_hook(Hook()) as hook:
        hook.answering.clear()
        notifier = await a_notifier(working, settings_for(hook))
        await block(working, 1, "LAMP")
        await until(_holds(lambda: hook.tried))
        notifier.process.send_signal(signal.SIGTERM)

        async def is_stopping() -> bool:
            return "notifier-stopping" in notifier.log.read_text()

        await until(is_stopping)
        hook.answering.set()
        await ends(notifier)
        ledger = await working.db.notifications.find_one({"_id": "ledger"})
        assert (hook.kinds, ledger["outbox"]) == ([("blocked", "LAMP")], [])


async def test_a_fix_is_told_and_two_notifiers_tell_everything_once(working: System) -> None:
    async with a_hook(Hook()) as hook:
        notifiers = [await a_notifier(working, settings_for(hook)) for _ in range(2)]
        await block(working, 1, "LAMP")
        await until(_holds(lambda: hook.accepted))
        # As if it had been told ten minutes ago: until then it may flicker.
        long_ago = {"$set": {"notified.0.at": (await _told_at(working)).replace(year=2025)}}
        await working.db.notifications.update_one({"_id": "ledger"}, long_ago)
        await working.publish(TopicName.PRODUCTS, product("LAMP"))
        await working.becomes(key(order(1)), "created")
        await until(_holds(lambda: len(hook.accepted) > 1))
        assert hook.kinds == [("blocked", "LAMP"), ("resolved", "LAMP")]
        for notifier in notifiers:
            await ends(notifier)
        assert hook.tried == 2


async def test_an_example_shows_whether_each_channel_is_set_up(working: System) -> None:
    async with a_hook(Hook(failing=[403])) as hook, a_mail_server() as mail:
        settings = settings_for(hook, mail)
        program = ("-m", "order_import", "notify", "--test")
        example = await working.start_worker(*program, **settings)
        assert await example.ended() == 1
        lines = example.log.read_text().splitlines()
        assert lines == ["webhook: not sent: status 403", "mail: sent"]
        hook.failing = []
        example = await working.start_worker(*program, **settings)
        assert await example.ended() == 0
        assert len(mail.accepted) == 2
        nowhere = await working.start_worker("-m", "order_import", "notify")
        assert await nowhere.ended() == 2
        assert "ORDER_IMPORT_NOTIFY_WEBHOOK_URL" in nowhere.log.read_text()


async def test_the_check_reaches_both_servers_and_sends_nothing() -> None:
    async with a_hook(Hook()) as hook, a_mail_server() as mail:
        settings = settings_for(hook, mail)
        assert await checked(settings) == [
            (Level.OK, "notify's webhook server", "answers"),
            (Level.OK, "notify's mail server", "answers"),
        ]
        wrong = settings | {"notify_smtp_password": "another"}
        assert await checked(wrong) == [
            (Level.OK, "notify's webhook server", "answers"),
            (Level.WARNING, "notify's mail server", unreached("SMTPAuthenticationError 535")),
        ]
        no_tls = settings | {
            "notify_webhook_url": f"https://127.0.0.1:{hook.port}/{SECRET}",
            "notify_smtp_security": "tls",
        }
        assert [text for *_, text in await checked(no_tls)] == [unreached("TLS failed")] * 2
    away = [text for *_, text in await checked(settings)]
    assert away == [unreached("nothing listens there")] * 2
    nowhere = settings | {
        "notify_webhook_url": f"https://nowhere.invalid/{SECRET}",
        "notify_smtp_host": "nowhere.invalid",
    }
    unknown = [text for *_, text in await checked(nowhere)]
    assert unknown == [unreached("its host name is not known")] * 2
    assert (hook.tried, mail.accepted) == (0, [])
    assert await checked({}) == []


def unreached(reason: str) -> str:
    return f"cannot be reached: {reason}"


async def checked(settings: Mapping[str, Any]) -> list[tuple[Level, str, str]]:
    found = await check_channels(Settings(**settings))
    return [(finding.level, finding.subject, finding.text) for finding in found]


async def _told_at(system: System) -> Any:
    ledger = await system.db.notifications.find_one({"_id": "ledger"})
    return ledger["notified"][0]["at"]


def _holds(check: Callable[[], object]) -> Any:
    async def holds() -> bool:
        return bool(check())

    return holds
