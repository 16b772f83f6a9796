"""TLS and SASL end to end: a broker with a listener of each kind, right and wrong credentials."""

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.protocol.metadata import MetadataRequest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr

from models.topics import TopicName
from order_import.bootstrap import kafka_options, new_consumer, new_producer, why_unreachable
from order_import.devtools.embedded.process import HOST, remembered_ports
from order_import.devtools.embedded.servers import Addresses
from order_import.operations.lag import open_lag_meter
from order_import.settings import Settings
from tests.integration.kit import ROOT, System, environment, open_system
from tests.integration.wire import key, order, product, store
from tests.kafkas import ConfiguredKafka
from tests.waiting import until

LISTENERS = {
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "EXPIRED": "SSL",
    "SCRAM": "SASL_SSL",
    "TOKEN": "SASL_PLAINTEXT",
}
"""The listeners beside the plain one, and what each speaks."""
PASSWORD = "right horse"  # noqa: S105 - of a broker that exists in this test only


class Broker:
    """A broker with all these listeners, and what its clients need."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        authority, stranger = trustme.CA(), trustme.CA()
        now = datetime.now(UTC)  # noqa: TID251 - certificates are checked by the machine's clock
        good = authority.issue_cert(HOST)
        old = authority.issue_cert(
            HOST, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
        )
        self.ca, self.other_ca = directory / "ca.pem", directory / "other-ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        stranger.cert_pem.write_to_path(self.other_ca)
        self.cert, self.key = directory / "client.pem", directory / "client-key.pem"
        client = authority.issue_cert("worker@here")
        client.cert_chain_pems[0].write_to_path(self.cert)
        client.private_key_pem.write_to_path(self.key)
        ports = remembered_ports(*(directory / f"port-{name}" for name in LISTENERS))
        self.ports = dict(zip(LISTENERS, ports, strict=True))
        addresses = "".join(f",{name}://{HOST}:{port}" for name, port in self.ports.items())
        jaas = "org.apache.kafka.common.security"
        properties = {
            "listeners": addresses,
            "advertised.listeners": addresses,
            "listener.security.protocol.map": "".join(f",{n}:{p}" for n, p in LISTENERS.items()),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(_keystore(directory / "good.pem", good)),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.expired.ssl.keystore.type": "PEM",
            "listener.name.expired.ssl.keystore.location": str(
                _keystore(directory / "old.pem", old)
            ),
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": (
                f"{jaas}.scram.ScramLoginModule required;"
            ),
            "listener.name.token.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.token.oauthbearer.sasl.jaas.config": (
                f"{jaas}.oauthbearer.OAuthBearerLoginModule required "
                'unsecuredLoginStringClaim_sub="broker";'
            ),
            "auto.create.topics.enable": "true",
        }
        self.server = ConfiguredKafka(directory, properties, {"worker": PASSWORD})

    def settings(self, listener: str, **overrides: Any) -> dict[str, Any]:
        """What a client that is welcome at a listener sets."""
        told: dict[str, Any] = {
            "kafka_bootstrap_servers": f"{HOST}:{self.ports[listener]}",
            "kafka_security_protocol": LISTENERS[listener],
        }
        if LISTENERS[listener].endswith("SSL"):
            told["kafka_ssl_ca_file"] = self.ca
        match listener:
            case "MUTUAL":
                told |= {"kafka_ssl_cert_file": self.cert, "kafka_ssl_key_file": self.key}
            case "SCRAM":
                password = SecretStr(PASSWORD)
                told |= {"kafka_sasl_username": "worker", "kafka_sasl_password": password}
            case "TOKEN":
                file = self.directory / "token"
                file.write_text(a_token())
                told |= {
                    "kafka_sasl_mechanism": "OAUTHBEARER",
                    "kafka_sasl_token_file": file,
                }
            case _:
                pass
        return told | overrides


def _keystore(path: Path, certificate: trustme.LeafCert) -> Path:
    """Write key and chain as Kafka reads them."""
    private = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(text + b"".join(one.bytes() for one in certificate.cert_chain_pems))
    return path


def a_token(seconds: float = 900) -> str:
    """A token that is not signed: the broker's own validator for tests takes it until it ends."""
    now = time.time()
    claims = {"sub": "worker", "iat": min(now, now + seconds - 1), "exp": now + seconds}
    parts = ({"alg": "none"}, claims)
    texts = (base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts)
    return ".".join(text.rstrip("=") for text in texts) + "."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("secure"))
    lock = (made.directory / "lock").open("w")
    await made.server.start(lock.fileno(), print)
    yield made
    await made.server.process.stop()
    lock.close()


@pytest.mark.parametrize("listener", ["TLS", "MUTUAL", "SCRAM", "TOKEN"])
async def test_who_has_the_right_credentials_is_let_in(listener: str, broker: Broker) -> None:
    settings = Settings(**broker.settings(listener))
    assert await why_unreachable(settings) is None
    producer = new_producer(settings)
    await producer.start()
    await producer.stop()


@pytest.mark.parametrize("listener", ["MUTUAL", "SCRAM", "TOKEN"])
async def test_a_worker_decides_orders_over_a_secured_connection(
    listener: str, broker: Broker, addresses: Addresses, tmp_path: Path
) -> None:
    secured = broker.settings(listener)
    here = Addresses(secured.pop("kafka_bootstrap_servers"), addresses.mongo_url)
    async with open_system(here, tmp_path, f"secure_{listener.lower()}", **secured) as system:
        await _one_order(system)


async def test_a_missing_topic_is_created_by_nobody_who_asks_about_it(broker: Broker) -> None:
    """A broker creates it by itself, as most are set, for whoever does not say no."""
    settings = Settings(**broker.settings("TLS"), topic_prefix="missing.")
    topic, control = settings.topic_prefix + TopicName.ORDERS, "asked-about"
    async with open_lag_meter(settings) as meter:
        assert not any(one.exists for one in await meter.measure({}))
    async with new_producer(settings) as producer:
        await producer.client.add_topic(topic)
    consumer = new_consumer(settings, [topic])
    with pytest.raises(UnknownTopicOrPartitionError):
        await consumer.start()
    await consumer.stop()
    admin: Any = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()

    async def is_created() -> bool:
        await admin._send_request(MetadataRequest([control], allow_auto_topic_creation=True))
        return control in await admin.list_topics()

    await until(is_created)
    assert [one for one in await admin.list_topics() if one.startswith("missing.")] == []
    await admin.close()


async def _one_order(system: System) -> None:
    async with system.worker():
        await system.publish(TopicName.STORES, store())
        await system.publish(TopicName.PRODUCTS, product("LAMP"))
        await system.publish(TopicName.ORDERS, order(1))
        await system.becomes(key(order(1)), "created")


def wrong(broker: Broker) -> dict[str, tuple[str, dict[str, Any], str]]:
    """Credentials that are wrong, and the one line that says so."""
    empty = broker.directory / "empty"
    empty.write_text("")
    ended = broker.directory / "ended"
    ended.write_text(a_token(-60))
    failing = f"{sys.executable} -c 'exit(3)'"
    by_command = {"kafka_sasl_token_file": None, "kafka_sasl_token_command": failing}
    return {
        "another authority": (
            "TLS",
            {"kafka_ssl_ca_file": broker.other_ca},
            "from an untrusted authority",
        ),
        "expired": ("EXPIRED", {}, "the broker's certificate has expired"),
        "no certificate of ours": (
            "MUTUAL",
            {"kafka_ssl_cert_file": None, "kafka_ssl_key_file": None},
            "TLS failed|it closes the connection",
        ),
        "plain text to a TLS port": (
            "TLS",
            {"kafka_security_protocol": "PLAINTEXT"},
            "it closes the connection: does it speak PLAINTEXT there",
        ),
        "wrong password": (
            "SCRAM",
            {"kafka_sasl_password": SecretStr("wrong horse")},
            "it refuses these credentials",
        ),
        "unknown user": (
            "SCRAM",
            {"kafka_sasl_username": "stranger"},
            "it refuses these credentials",
        ),
        "another mechanism": (
            "SCRAM",
            {"kafka_sasl_mechanism": "SCRAM-SHA-256"},
            "it does not offer SCRAM-SHA-256",
        ),
        "a token that has ended": (
            "TOKEN",
            {"kafka_sasl_token_file": ended},
            "it refuses these credentials",
        ),
        "no token": ("TOKEN", {"kafka_sasl_token_file": empty}, "expected one token"),
        "a command that fails": ("TOKEN", by_command, "the token command ended with status 3"),
    }


WRONG = (
    *("another authority", "expired", "no certificate of ours", "plain text to a TLS port"),
    *("wrong password", "unknown user", "another mechanism"),
    *("a token that has ended", "no token", "a command that fails"),
)


@pytest.mark.parametrize("what", WRONG)
async def test_wrong_credentials_are_told_in_one_line(what: str, broker: Broker) -> None:
    listener, changed, line = wrong(broker)[what]
    settings = Settings(**(broker.settings(listener) | changed))
    reason = await why_unreachable(settings)
    assert reason is not None
    assert any(one in reason for one in line.split("|")), reason
    if what == "a token that has ended":
        return  # the client takes it for a broker without topics, and would ask for ever
    producer = new_producer(settings)
    with pytest.raises((KafkaError, OSError)):
        await producer.start()
    await producer.stop()


async def test_a_command_says_why_it_is_not_let_in(broker: Broker, addresses: Addresses) -> None:
    listener, changed, line = wrong(broker)["wrong password"]
    refused = Settings(**(broker.settings(listener) | changed), mongo_url=addresses.mongo_url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "order_import", "init"),
        cwd=ROOT,
        env=environment(refused),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode() == f"order-import: Kafka does not answer: {line}\n"
