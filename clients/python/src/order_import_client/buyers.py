"""Buyer, address and gifts of an order, which are in no event: claimed from the console.

Every claim is in the installation's audit log. Claim when you need it, and keep it for no longer
than `kept_until`.
"""

import asyncio
import http.client
import ipaddress
import ssl
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from order_import_client.values import Moment, Received

_TIMEOUT = 30.0


class BuyerErased(Exception):  # noqa: N818 - an answer, not a mistake
    """The buyer of an order was erased, and cannot be claimed any more."""


class BuyerUnknown(Exception):  # noqa: N818 - an answer, not a mistake
    """The order, or its buyer, is not known yet."""


class ClaimRefused(Exception):  # noqa: N818 - an answer, not a mistake
    """A claim was not answered. `status` is the HTTP status; try again later from 500 on."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class ClaimedPerson(Received):
    """Who bought. Personal data."""

    name: str | None = None
    email: str | None = None


class ClaimedAddress(Received):
    """Where to ship. Personal data."""

    name: str | None = None
    lines: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None


class ClaimedGift(Received):
    """A line that is a gift. Personal data."""

    order_item_id: str
    message: str | None = None
    """What the buyer writes to the recipient."""
    wrapping: str | None = None
    """The gift wrap that the buyer chose, in Amazon's words."""


class ClaimedBuyer(Received):
    """Who bought one order, where to ship it, and its gifts, as far as Amazon has sent them.

    Personal data.
    """

    store_id: str
    amazon_order_id: str
    buyer: ClaimedPerson | None
    ship_to: ClaimedAddress | None
    gifts: tuple[ClaimedGift, ...] = ()
    kept_until: Moment
    """Until when the buyer may be kept. A later update of the order may move it."""


class Buyers:
    """Claims buyers from the console of an installation.

    Args:
        console: The console's address, for example `https://import.example.com`. It is `https`
            unless the console is on this machine.
        token: The token that `order-import console-user NAME downstream` has printed.
        tls: Which certificates to trust; without it, the machine's own authorities.

    Raises:
        ValueError: The address would send the token unencrypted.
    """

    def __init__(self, console: str, token: str, *, tls: ssl.SSLContext | None = None) -> None:
        url = urlsplit(console)
        if url.hostname is None or url.scheme not in ("http", "https"):
            raise ValueError("expected the console's address, as https://host")
        if url.scheme == "http" and not _is_this_machine(url.hostname):
            raise ValueError("expected https: the token would be sent unencrypted")
        self._host, self._port = url.hostname, url.port
        self._tls = (tls or ssl.create_default_context()) if url.scheme == "https" else None
        self._token = token

    async def claim(self, order: str) -> ClaimedBuyer:
        """Return the buyer of an order, named by its Amazon id or as `store/order`.

        Raises:
            BuyerErased: The buyer was erased.
            BuyerUnknown: The order, or its buyer, is not known yet.
            ClaimRefused: The console refused, or cannot answer now.
            OSError: The console does not answer.
        """
        status, body = await asyncio.to_thread(self._get, f"/api/buyers/{quote(order)}")
        match status:
            case HTTPStatus.OK:
                return ClaimedBuyer.model_validate_json(body)
            case HTTPStatus.GONE:
                raise BuyerErased(order)
            case HTTPStatus.NOT_FOUND:
                raise BuyerUnknown(order)
            case _:
                raise ClaimRefused(status)

    def _get(self, path: str) -> tuple[int, bytes]:
        # Not urllib: it would follow a redirect, with the token, to another host.
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
            if self._tls is None
            else http.client.HTTPSConnection(
                self._host, self._port, timeout=_TIMEOUT, context=self._tls
            )
        )
        try:
            headers = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"no valid answer: {type(error).__name__}") from None
        finally:
            connection.close()


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
