"""Create the clients of Kafka and MongoDB, with the settings' encryption and credentials."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import aiokafka.admin.client
import aiokafka.client
import faust
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from models.errors import BrokerUnavailable
from models.topics import MAX_PUBLISHED_BYTES, MAX_REQUEST_BYTES
from order_import.errors import describe
from order_import.kafka_token import TokenSource, TokenUnavailable
from order_import.settings import Settings
from storage.mongo.database import MongoDatabase, open_database
from storage.mongo.storage import MongoStorage
from streams.consumer import Consumer

# Only `init` creates topics. By default, a broker creates any topic that a client requests metadata
# of, with the broker's own defaults: one partition, and a week of retention.
for _module in (aiokafka.client, aiokafka.admin.client):
    _module.MetadataRequest = partial(MetadataRequest, allow_auto_topic_creation=False)


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Return the connection options of every aiokafka client."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": _ssl_context(settings),
    }
    if not settings.kafka_security_protocol.startswith("SASL"):
        return options
    options["sasl_mechanism"] = settings.kafka_sasl_mechanism
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        options["sasl_oauth_token_provider"] = _token_source(settings)
    else:
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = _password(settings)
    return options


def group_of(settings: Settings) -> str:
    """Return the consumer group that all workers of an installation share."""
    return settings.topic_prefix + settings.consumer_group


def event_source(settings: Settings) -> bytes:
    """Return the `ce_source` of an installation's events, which makes their ids unique."""
    prefix = settings.topic_prefix
    return f"/order-import/{settings.installation}{prefix and '/'}{prefix}".encode()


@asynccontextmanager
async def connect_admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client, and close it at the end.

    Raises:
        KafkaError: Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-admin")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


@contextmanager
def broker_errors() -> Iterator[None]:
    """Raise `BrokerUnavailable` in place of the Kafka client's own errors."""
    try:
        yield
    except TimeoutError as error:
        raise BrokerUnavailable("no answer in time") from error
    except KafkaConnectionError as error:
        raise BrokerUnavailable("cannot connect") from error
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(describe(error)) from error


def new_producer(settings: Settings) -> AIOKafkaProducer:
    """Return an idempotent producer that waits for all replicas."""
    return AIOKafkaProducer(
        **kafka_options(settings),
        client_id="order-import",
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=MAX_REQUEST_BYTES,
        max_request_size=MAX_PUBLISHED_BYTES,
        request_timeout_ms=30_000,
    )


@asynccontextmanager
async def connect_producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """Connect a producer, and close it at the end.

    Raises:
        BrokerUnavailable: Kafka does not answer, now or later.
    """
    with broker_errors():
        producer = new_producer(settings)
        try:
            await producer.start()
            yield producer
        finally:
            await producer.stop()


def new_consumer(settings: Settings, topics: Sequence[str]) -> Consumer:
    """Return a consumer of all partitions that joins no group and commits no offsets."""
    return Consumer(*topics, **kafka_options(settings), client_id="order-import-reader")


def faust_credentials(settings: Settings) -> Any:
    """Return the credentials for Faust, which falls back to plain text without a TLS context."""
    context = _ssl_context(settings)
    match settings.kafka_security_protocol:
        case "PLAINTEXT":
            return None
        case "SSL":
            return faust.SSLCredentials(context)
        case _ if settings.kafka_sasl_mechanism == "OAUTHBEARER":
            return faust.OAuthCredentials(oauth_cb=_token_source(settings), ssl_context=context)
        case "SASL_PLAINTEXT" | "SASL_SSL":
            return faust.SASLCredentials(
                username=settings.kafka_sasl_username,
                password=_password(settings),
                mechanism=settings.kafka_sasl_mechanism,
                ssl_context=context,
            )


def connect_database(settings: Settings) -> AbstractAsyncContextManager[MongoDatabase]:
    """Open the database, and close it at the end."""
    options: dict[str, Any] = {}
    if settings.mongo_tls:
        options["tls"] = True
        if settings.mongo_tls_ca_file is not None:
            options["tlsCAFile"] = str(settings.mongo_tls_ca_file)
        if settings.mongo_tls_cert_key_file is not None:
            options["tlsCertificateKeyFile"] = str(settings.mongo_tls_cert_key_file)
    url = settings.mongo_url.get_secret_value()
    return open_database(url, settings.mongo_database, settings.mongo_driver, **options)


@asynccontextmanager
async def connect_storage(settings: Settings) -> AsyncIterator[MongoStorage]:
    """Open the database for its storage alone."""
    async with connect_database(settings) as database:
        yield database.storage


def _password(settings: Settings) -> str | None:
    password = settings.kafka_sasl_password
    return None if password is None else password.get_secret_value()


def _token_source(settings: Settings) -> TokenSource:
    return TokenSource(settings.kafka_sasl_token_file, settings.kafka_sasl_token_command)


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=settings.kafka_ssl_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.kafka_ssl_cert_file is not None:
        context.load_cert_chain(settings.kafka_ssl_cert_file, settings.kafka_ssl_key_file)
    return context


_TIMEOUT = 10.0
_REFUSED = "it refuses these credentials"
_CERTIFICATE_ERRORS = {
    9: "the broker's certificate is not valid yet",
    10: "the broker's certificate has expired",
    18: "the broker's certificate is self-signed and not trusted",
    19: "the broker's certificate is from an untrusted authority",
    20: "the broker's certificate is from an untrusted authority",
    62: "the broker's certificate is for another host name",
    64: "the broker's certificate is for another IP address",
}
"""Descriptions of OpenSSL's codes for a rejected certificate."""


async def why_unreachable(settings: Settings) -> str | None:
    """Return in one line why the first Kafka server cannot be used; None if it answers."""
    host, _, port = settings.kafka_bootstrap_servers.split(",")[0].strip().rpartition(":")
    options = kafka_options(settings)
    del options["bootstrap_servers"]
    try:
        async with asyncio.timeout(_TIMEOUT):
            connection = await create_conn(host.strip("[]"), int(port), **options)
    except TokenUnavailable as error:
        return str(error)
    except ssl.SSLCertVerificationError as error:
        rejected = "the broker's certificate is not accepted"
        return _CERTIFICATE_ERRORS.get(error.verify_code, rejected)
    except ssl.SSLError:
        return "TLS failed: does the broker speak TLS there, and does it accept our certificate?"
    except UnsupportedSaslMechanismError:
        return f"it does not offer {settings.kafka_sasl_mechanism}"
    except (AuthenticationFailedError, SaslAuthenticationFailed):
        return _REFUSED
    except TimeoutError:
        return "no answer in time"
    except ConnectionRefusedError:
        return "nothing listens there"
    except (KafkaError, OSError):
        protocol = settings.kafka_security_protocol
        return f"it closes the connection: does it speak {protocol} there?"
    try:
        async with asyncio.timeout(_TIMEOUT):
            # If a token is rejected, the only sign is that the next response is empty.
            response = await connection.send(MetadataRequest([]))
            return None if response.brokers else _REFUSED
    except (KafkaError, OSError, TimeoutError):
        return _REFUSED
    finally:
        connection.close()
