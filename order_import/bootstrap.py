"""The clients of Kafka and MongoDB, with what the settings say of encryption and identity."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import aiokafka.admin.client
import aiokafka.client
import faust
from aiokafka import AIOKafkaProducer
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from models.topics import MAX_PUBLISHED_BYTES, MAX_REQUEST_BYTES
from order_import.kafka_token import TokenSource, TokenUnavailable
from order_import.settings import Settings
from storage.mongo.console import MongoConsoleState, open_console
from storage.mongo.console_reader import MongoConsoleReader
from storage.mongo.dead_letters import MongoDeadLetters, open_dead_letters
from storage.mongo.orders import MongoReader, open_reader
from storage.mongo.storage import MongoStorage, open_storage
from streams.consumer import Consumer

# A missing topic is for `init` to create. Unless it is told not to, a broker creates whatever it is
# asked about, as its own defaults are: with one partition, and for a week.
for _asking in (aiokafka.client, aiokafka.admin.client):
    _asking.MetadataRequest = partial(MetadataRequest, allow_auto_topic_creation=False)


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Give what every aiokafka client is made with."""
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
    """Return the consumer group that the workers of an installation share."""
    return settings.topic_prefix + settings.consumer_group


def new_producer(settings: Settings) -> AIOKafkaProducer:
    """Give an idempotent producer that waits for all replicas."""
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


def new_consumer(settings: Settings, topics: Sequence[str]) -> Consumer:
    """Give a consumer of all partitions, that belongs to no group and commits nothing."""
    return Consumer(*topics, **kafka_options(settings), client_id="order-import-reader")


def faust_credentials(settings: Settings) -> Any:
    """Give Faust's form of the same: without a TLS context Faust would fall back to plain text."""
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


def connect_storage(settings: Settings) -> AbstractAsyncContextManager[MongoStorage]:
    """Give the database's storage, closed at the end."""
    return open_storage(
        settings.mongo_url.get_secret_value(),
        settings.mongo_database,
        settings.mongo_driver,
        **_mongo_options(settings),
    )


def connect_reader(settings: Settings) -> AbstractAsyncContextManager[MongoReader]:
    """Give the database's reader, closed at the end."""
    return open_reader(
        settings.mongo_url.get_secret_value(),
        settings.mongo_database,
        settings.mongo_driver,
        **_mongo_options(settings),
    )


def connect_dead_letters(settings: Settings) -> AbstractAsyncContextManager[MongoDeadLetters]:
    """Give the database's dead letters, closed at the end."""
    return open_dead_letters(
        settings.mongo_url.get_secret_value(),
        settings.mongo_database,
        settings.mongo_driver,
        **_mongo_options(settings),
    )


def connect_console(
    settings: Settings,
) -> AbstractAsyncContextManager[tuple[MongoConsoleReader, MongoConsoleState]]:
    """Give the console's questions and its own collections, closed at the end."""
    return open_console(
        settings.mongo_url.get_secret_value(),
        settings.mongo_database,
        settings.mongo_driver,
        **_mongo_options(settings),
    )


def _password(settings: Settings) -> str | None:
    password = settings.kafka_sasl_password
    return None if password is None else password.get_secret_value()


def _token_source(settings: Settings) -> TokenSource:
    return TokenSource(settings.kafka_sasl_token_file, settings.kafka_sasl_token_command)


def _mongo_options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.mongo_tls:
        options["tls"] = True
        if settings.mongo_tls_ca_file is not None:
            options["tlsCAFile"] = str(settings.mongo_tls_ca_file)
        if settings.mongo_tls_cert_key_file is not None:
            options["tlsCertificateKeyFile"] = str(settings.mongo_tls_cert_key_file)
    return options


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=settings.kafka_ssl_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.kafka_ssl_cert_file is not None:
        context.load_cert_chain(settings.kafka_ssl_cert_file, settings.kafka_ssl_key_file)
    return context


_WITHIN = 10.0


_REFUSED = "it refuses these credentials"


_CERTIFICATE = {
    9: "the broker's certificate is not valid yet",
    10: "the broker's certificate has expired",
    18: "the broker's certificate is signed by itself and not trusted",
    19: "the broker's certificate is of an authority that is not trusted",
    20: "the broker's certificate is of an authority that is not trusted",
    62: "the broker's certificate is for another host name",
    64: "the broker's certificate is for another IP address",
}
"""What OpenSSL's codes of a refused certificate mean."""


async def why_unreachable(settings: Settings) -> str | None:
    """Return in one line what stands between us and the first server; None if it answers."""
    host, _, port = settings.kafka_bootstrap_servers.split(",")[0].strip().rpartition(":")
    options = kafka_options(settings)
    del options["bootstrap_servers"]
    try:
        async with asyncio.timeout(_WITHIN):
            connection = await create_conn(host.strip("[]"), int(port), **options)
    except TokenUnavailable as error:
        return str(error)
    except ssl.SSLCertVerificationError as error:
        refused = "the broker's certificate is not accepted"
        return _CERTIFICATE.get(error.verify_code, refused)
    except ssl.SSLError:
        return "TLS failed: does the broker speak TLS there, and does it accept our certificate?"
    except UnsupportedSaslMechanismError:
        return f"it does not offer {settings.kafka_sasl_mechanism}"
    except (AuthenticationFailedError, SaslAuthenticationFailed):
        return _REFUSED
    except TimeoutError:
        return "no answer in time"
    except ConnectionRefusedError:
        return "nobody listens there"
    except (KafkaError, OSError):
        protocol = settings.kafka_security_protocol
        return f"it closes the connection: is {protocol} what it speaks there?"
    try:
        async with asyncio.timeout(_WITHIN):
            # Of a token that is refused the client learns nothing but that the next answer is void.
            answer = await connection.send(MetadataRequest([]))
            return None if answer.brokers else _REFUSED
    except (KafkaError, OSError, TimeoutError):
        return _REFUSED
    finally:
        connection.close()
