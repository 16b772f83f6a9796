"""Tokens for Kafka (SASL OAUTHBEARER): from a file, or from a command that prints one.

Tokens are issued outside this program: by a sidecar that writes a file, or by a command, for
example one that signs for MSK with the machine's role. A token is renewed before it expires, so a
new connection always has a valid one. If a broker closes a connection when its token expires, the
client reconnects.
"""

import asyncio
import base64
import binascii
import json
import shlex
import time
from pathlib import Path

import structlog
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError
from typing_extensions import override

log = structlog.get_logger(__name__)

COMMAND_SECONDS = 30.0
"""Time limit for the command that prints a token."""
_SPARE = 0.2
"""The fraction of a token's lifetime that is left when it is renewed."""
_MAX_CHARACTERS = 64 * 1024


class TokenUnavailable(KafkaConnectionError):  # type: ignore[misc]  # noqa: N818 - aiokafka has no types; a state of the world
    """No token is available. The message says why, and quotes nothing that was read."""


class TokenSource(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Provides Kafka clients with a token, and caches it while it is valid."""

    def __init__(self, file: Path | None, command: str | None) -> None:
        self._file = file
        self._command = command
        self._token = ""
        self._valid_until = 0.0
        self._renewing = asyncio.Lock()

    @override
    async def token(self) -> str:
        """Return a token; a new one if the last one is about to expire.

        Raises:
            TokenUnavailable: The file cannot be read, the command failed, or it printed no token.
        """
        async with self._renewing:
            if time.time() >= self._valid_until:
                try:
                    self._token = _check(await self._read())
                except TokenUnavailable as error:
                    log.warning("kafka-token-unavailable", reason=str(error))
                    raise
                self._valid_until = _expiry(self._token, time.time())
            return self._token

    async def _read(self) -> str:
        if self._file is not None:
            try:
                return await asyncio.to_thread(self._file.read_text, encoding="ascii")
            except (OSError, UnicodeDecodeError) as error:
                raise TokenUnavailable(
                    f"the token file cannot be read: {type(error).__name__}"
                ) from None
        return await _run(self._command or "")


async def _run(command: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except (OSError, ValueError) as error:
        raise TokenUnavailable(f"the token command cannot be run: {type(error).__name__}") from None
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise TokenUnavailable(f"the token command took over {COMMAND_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise TokenUnavailable(f"the token command ended with status {process.returncode}")
    return output.decode("ascii", errors="replace")


def _check(text: str) -> str:
    token = text.strip()
    if not token or len(token) > _MAX_CHARACTERS or not (token.isascii() and token.isprintable()):
        raise TokenUnavailable("expected one token, in printable ASCII, and nothing else")
    return token


def _expiry(token: str, now: float) -> float:
    """Return until when to use a token: most of its lifetime, or once if it names no expiry."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        begins, ends = float(claims.get("iat", now)), float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return now
    return ends - _SPARE * max(0.0, ends - max(begins, 0.0))
