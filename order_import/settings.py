"""The settings, read from `ORDER_IMPORT_…` variables and from the files that these name."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.mongo.driver import Driver

PREFIX = "ORDER_IMPORT_"

log = structlog.get_logger(__name__)


def _server_list(servers: str) -> str:
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("expected host:port, several joined by commas")
    return servers


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None
    return name


_TIME_OF_DAY = r"([01]\d|2[0-3]):[0-5]\d"


class SettingsError(Exception):
    """A setting has an invalid value. The message is one line that names the setting."""


class Settings(BaseSettings):
    """All settings. The defaults are for servers on this machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    kafka_bootstrap_servers: Annotated[str, AfterValidator(_server_list)] = "127.0.0.1:9092"
    """Kafka's addresses as `host:port`, separated by commas."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to connect to Kafka: with or without TLS, with or without signing in."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = (
        "SCRAM-SHA-512"
    )
    """How to sign in to Kafka; used with the two `SASL_…` protocols."""
    kafka_sasl_username: str | None = None
    """The user name. Needs the password too."""
    kafka_sasl_password: SecretStr | None = None
    """The password. Needs the user name too."""
    kafka_sasl_token_file: Path | None = None
    """A file that contains the token for `OAUTHBEARER`. Set this or the token command."""
    kafka_sasl_token_command: str | None = None
    """A command that prints the token for `OAUTHBEARER`. Set this or the token file."""
    kafka_ssl_ca_file: Path | None = None
    """The certificate authorities to trust. Without it, the machine's own are trusted."""
    kafka_ssl_cert_file: Path | None = None
    """The client certificate."""
    kafka_ssl_key_file: Path | None = None
    """The key of the client certificate."""

    mongo_url: SecretStr = SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0")
    """MongoDB's address. It must be a replica set of version 8.0 or newer."""
    mongo_database: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,63}$")] = (
        "order_import"
    )
    """The database's name."""
    mongo_driver: Driver = Driver.PYMONGO
    """The MongoDB driver; see decision 0008 for why there are two."""
    mongo_tls: bool = False
    """Whether to connect to MongoDB over TLS."""
    mongo_tls_ca_file: Path | None = None
    """The certificate authorities to trust. Without it, the machine's own are trusted."""
    mongo_tls_cert_key_file: Path | None = None
    """The client certificate and its key, in one file."""

    installation: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$")
    ] = "default"
    """The name of this installation in the `ce_source` of its events, for example `staging`."""
    topic_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    """Text in front of the name of every topic and of the consumer group."""
    topic_partitions: int = Field(default=4, ge=1, le=512)
    """The number of partitions of the topics that `init` creates."""
    topic_replication_factor: int = Field(default=1, ge=1, le=7)
    """The replication factor of the topics that `init` creates."""
    consumer_group: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = (
        "order-import"
    )
    """The workers' consumer group."""
    sync_interval: float = Field(default=300, ge=1)
    """Seconds between two syncs. A sync checks all blocked orders again."""
    batch_size: int = Field(default=1000, ge=1, le=5000)
    """The maximum number of messages in a transaction."""
    session_timeout: float = Field(default=6, ge=6, le=30)
    """Seconds after which Kafka gives a lost worker's partitions to others."""

    stall_seconds: float = Field(default=300, ge=5)
    """Seconds without progress after which a worker exits, so that it is restarted."""
    worker_health_host: str = "127.0.0.1"
    """The address on which a worker answers `/healthz`, `/readyz` and `/metrics`."""
    worker_health_port: int | None = Field(default=None, ge=1, le=65535)
    """The port of a worker's `/healthz`, `/readyz` and `/metrics`. Not served if unset."""

    console_host: str = "127.0.0.1"
    """The address the console listens on."""
    console_port: int = Field(default=8080, ge=1, le=65535)
    """The port the console listens on."""
    console_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """The port on which the console answers `/metrics`, without signing in. Not served if unset."""
    console_users_file: Path | None = None
    """The file of console users. Required if the console listens beyond this machine."""
    console_public_url: (
        Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+/?$")] | None
    ) = None
    """The console's address as people reach it through a proxy."""

    notify_webhook_url: SecretStr | None = None
    """The address that `notify` posts to. It is a secret, since it often contains a token."""
    notify_smtp_host: str | None = None
    """The mail server through which `notify` sends e-mail. Needs the two addresses too."""
    notify_smtp_port: int = Field(default=587, ge=1, le=65535)
    """The port of the mail server."""
    notify_smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How to connect to the mail server: with STARTTLS, with TLS from the start, or without."""
    notify_smtp_username: str | None = None
    """The user name on the mail server. Without it, there is no sign-in."""
    notify_smtp_password: SecretStr | None = None
    """The password on the mail server."""
    notify_smtp_from: str | None = None
    """The sender's e-mail address."""
    notify_smtp_to: str | None = None
    """The recipients' e-mail addresses, separated by commas."""
    notify_ship_by_hours: float = Field(default=24, ge=1, le=720)
    """Hours before the earliest ship-by date of a cause, from which it is notified again."""
    notify_quiet_hours: (
        Annotated[str, StringConstraints(pattern=rf"^{_TIME_OF_DAY}-{_TIME_OF_DAY}$")] | None
    ) = None
    """When `notify` sends nothing, for example `22:00-07:00`."""
    notify_digest_at: Annotated[str, StringConstraints(pattern=rf"^{_TIME_OF_DAY}$")] | None = None
    """When a digest of all causes is sent each day, for example `08:00`. Without it, never."""
    notify_time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    """The time zone of the quiet hours and of the digest, for example `Europe/Berlin`."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """The form of log lines. `auto` is `console` on a terminal and `json` otherwise."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged."""

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.notify_smtp_host is not None and not (
            self.notify_smtp_from and self.notify_smtp_to
        ):
            raise ValueError(
                f"{PREFIX}NOTIFY_SMTP_FROM and {PREFIX}NOTIFY_SMTP_TO: expected both with "
                f"{PREFIX}NOTIFY_SMTP_HOST"
            )
        if (self.notify_smtp_username is None) != (self.notify_smtp_password is None):
            raise ValueError(
                f"{PREFIX}NOTIFY_SMTP_USERNAME and {PREFIX}NOTIFY_SMTP_PASSWORD: expected both, "
                "or neither"
            )
        return self

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if not self.kafka_security_protocol.startswith("SASL"):
            return self
        if self.kafka_sasl_mechanism == "OAUTHBEARER":
            if (self.kafka_sasl_token_file is None) == (self.kafka_sasl_token_command is None):
                raise ValueError(
                    f"{PREFIX}KAFKA_SASL_TOKEN_FILE or {PREFIX}KAFKA_SASL_TOKEN_COMMAND: "
                    f"expected one of them with {PREFIX}KAFKA_SASL_MECHANISM=OAUTHBEARER"
                )
        elif self.kafka_sasl_username is None or self.kafka_sasl_password is None:
            raise ValueError(
                f"{PREFIX}KAFKA_SASL_USERNAME and {PREFIX}KAFKA_SASL_PASSWORD: "
                f"expected both with {PREFIX}KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol}"
            )
        return self


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` take precedence.

    Raises:
        SettingsError: A setting is invalid; the message names it and says what was expected.
    """
    try:
        return Settings(**(dict(_read_files()) | overrides))  # type: ignore[arg-type]  # checked by pydantic itself
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        where = f"{PREFIX}{name}: " if name else ""
        raise SettingsError(f"{where}{first['msg'].removeprefix('Value error, ')}") from None


def _read_files() -> Iterator[tuple[str, str]]:
    """Yield the settings in files that `*_FILE` variables name; the variable itself wins."""
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name}".upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path or f"{name}_file" in Settings.model_fields or os.environ.get(variable):
            continue
        try:
            yield name, Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "expected UTF-8 text"
            raise SettingsError(f"{variable}_FILE: cannot read {path}: {reason}") from None


_SECRET_FILES = (
    "console_users_file",
    "kafka_sasl_token_file",
    "kafka_ssl_key_file",
    "mongo_tls_cert_key_file",
)


class ExposedFile(NamedTuple):
    """A secret file that other users can read, and the setting that names it."""

    setting: str
    path: Path

    def __str__(self) -> str:
        return f"{self.setting}: other users on this machine can read {self.path}; chmod 600"


def exposed_files(settings: Settings) -> list[ExposedFile]:
    """Return the existing secret files that other users can read."""
    return [file for file in _secret_files(settings) if _has_mode(file.path, stat.S_IROTH)]


def is_writable_by_others(path: Path) -> bool:
    """Return whether other users may write a file, for example the file of console users."""
    return _has_mode(path, stat.S_IWOTH)


def warn_of_exposed_files(settings: Settings) -> None:
    """Log each exposed file, once at the start."""
    for setting, path in exposed_files(settings):
        log.warning("secret-file-exposed", setting=setting, file=str(path), do="chmod 600")


def _secret_files(settings: Settings) -> Iterator[ExposedFile]:
    for name in _SECRET_FILES:
        path: Path | None = getattr(settings, name)
        if path is not None:
            yield ExposedFile(PREFIX + name.upper(), path)
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name}_FILE".upper()
        is_secret = field.annotation in (SecretStr, SecretStr | None)
        if is_secret and (file := os.environ.get(variable)):
            yield ExposedFile(variable, Path(file))


def _has_mode(path: Path, mode: int) -> bool:
    try:
        return bool(path.stat().st_mode & mode)
    except OSError:
        return False
