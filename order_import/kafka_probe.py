"""Why Kafka cannot be reached: its client says only that it cannot connect."""

import asyncio
import ssl

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from order_import.clients import kafka_options
from order_import.kafka_token import TokenUnavailable
from order_import.settings import Settings

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
