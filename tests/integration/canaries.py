"""Canaries: 128 random bits in each personal field of an order, and the search for them.

The fields are those that Amazon's list of personal data names: names, e-mail, phone, three lines of
the address, postal code, gift message, the address of a customization, and extended fields.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import bson

from models.errors import KeyMissing
from storage.documents.buyer_data import content_from_document, data_key_from_document
from storage.encryption import BuyerKeys

Document = dict[str, Any]

KEPT = (
    *("buyer", "email", "recipient", "phone"),
    *("line-1", "line-2", "line-3", "postal-code", "gift-message"),
)
"""The personal fields that are stored of an order."""
FIELDS = (*KEPT, "customization", "extended")

_CANARY = re.compile(rb"cana-[0-9a-f]{32}")
_WRAPPED_KEY = re.compile(rb"\x05data_key\0\x3c\0\0\0\0(.{60})", re.DOTALL)
"""A field of BSON: 60 bytes, which are a nonce, an encrypted key and its tag."""
_ID = re.compile(rb"us/\d{3}-\d{7}-\d{7}|dead-letter//[\w.-]+:\d+:\d+")
_NEARBY = 500
_PIECE = 8 * 1024 * 1024
_LENGTH = len("cana-") + 32
_DEAD_LETTER = "dead-letter//"


class Canaries:
    """The canaries of one order, by field."""

    def __init__(self, seed: str) -> None:
        chance = Random(seed)
        self.by_field = {name: f"cana-{chance.getrandbits(128):032x}" for name in FIELDS}

    def __getitem__(self, field: str) -> str:
        return self.by_field[field]

    @property
    def all(self) -> set[str]:
        """All of them."""
        return {*self.by_field.values()}

    @property
    def kept(self) -> set[str]:
        """Those that are stored."""
        return {self[field] for field in KEPT}


def in_v0(order_id: str, at: str, status: str, sku: str, canaries: Canaries) -> Document:
    """Return an order with its items as Orders API v0 has it."""
    price = {"CurrencyCode": "USD", "Amount": "10.00"}
    return {
        "AmazonOrderId": order_id,
        "OrderStatus": status,
        "FulfillmentChannel": "MFN",
        "PurchaseDate": at,
        "LastUpdateDate": at,
        "OrderTotal": price,
        "BuyerInfo": {"BuyerName": canaries["buyer"], "BuyerEmail": canaries["email"]},
        "ShippingAddress": {
            "Name": canaries["recipient"],
            "AddressLine1": canaries["line-1"],
            "AddressLine2": canaries["line-2"],
            "AddressLine3": canaries["line-3"],
            "PostalCode": canaries["postal-code"],
            "Phone": canaries["phone"],
            "ExtendedFields": {"StreetName": canaries["extended"]},
        },
        "OrderItems": [
            {
                "OrderItemId": "1",
                "SellerSKU": sku,
                "QuantityOrdered": 1,
                "ItemPrice": price,
                "BuyerInfo": {
                    "GiftMessageText": canaries["gift-message"],
                    "BuyerCustomizedInfo": {"CustomizedURL": canaries["customization"]},
                },
            }
        ],
    }


def in_2026(order_id: str, at: str, status: str, sku: str, canaries: Canaries) -> Document:
    """Return an order as Orders API 2026-01-01 has it."""
    price = {"amount": "10.00", "currencyCode": "USD"}
    return {
        "orderId": order_id,
        "createdTime": at,
        "lastUpdatedTime": at,
        "salesChannel": {"channelName": "AMAZON"},
        "fulfillment": {"fulfillmentStatus": status.upper(), "fulfilledBy": "MERCHANT"},
        "proceeds": {"grandTotal": price},
        "buyer": {"buyerName": canaries["buyer"], "buyerEmail": canaries["email"]},
        "recipient": {
            "deliveryAddress": {
                "name": canaries["recipient"],
                "addressLine1": canaries["line-1"],
                "addressLine2": canaries["line-2"],
                "addressLine3": canaries["line-3"],
                "postalCode": canaries["postal-code"],
                "phone": canaries["phone"],
                "extendedFields": {"streetName": canaries["extended"]},
            }
        },
        "orderItems": [
            {
                "orderItemId": "1",
                "quantityOrdered": 1,
                "product": {
                    "sellerSku": sku,
                    "price": {"unitPrice": price},
                    "customization": {"customizedUrl": canaries["customization"]},
                },
                "fulfillment": {
                    "packing": {"giftOption": {"giftMessage": canaries["gift-message"]}}
                },
            }
        ],
    }


FORMS: tuple[Callable[[str, str, str, str, Canaries], Document], ...] = (in_v0, in_2026)


def broken(document: Document) -> bytes:
    """Return the bytes of an order without its end: a dead letter."""
    return json.dumps(document).encode()[:-1]


def in_files(directories: Iterable[Path]) -> set[str]:
    """Return the canaries that any byte of any file under these directories belongs to."""
    return {
        canary.decode()
        for directory in directories
        for path in directory.rglob("*")
        if path.is_file()
        for canary in _in_file(path)
    }


def _in_file(path: Path) -> Iterator[bytes]:
    # Of the last piece, the end may be the beginning of one.
    rest = b""
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield from _CANARY.findall(rest + piece)
                rest = piece[-_LENGTH:]
    except FileNotFoundError:
        return  # a server has deleted it meanwhile


def contains(directories: Iterable[Path], text: str) -> bool:
    """Return whether a text is in any file: whether a search in these files finds anything."""
    return any(
        text.encode() in path.read_bytes()
        for directory in directories
        for path in directory.rglob("*")
        if path.is_file()
    )


def decrypted(
    contents: Iterable[Document], keys: Mapping[str, Document], key_file: BuyerKeys
) -> dict[str, set[str]]:
    """Return the canaries in stored contents that can be decrypted, by their ids.

    `keys` are all data keys there are.
    """
    data_keys = {name: {data_key_from_document(key_file, key)} for name, key in keys.items()}
    return opened(contents, data_keys)


def opened(
    contents: Iterable[Document], data_keys: Mapping[str, Collection[bytes]]
) -> dict[str, set[str]]:
    """Return the canaries in stored contents that one of these keys opens, by their ids."""
    found: dict[str, set[str]] = {}
    for content in contents:
        for data_key in data_keys.get(content["_id"], ()):
            fields = content_from_document(content, data_key)
            if fields is not None:
                found.setdefault(content["_id"], set()).update(_in_bytes([bson.encode(fields)]))
    return found


def remaining_keys(directory: Path, key_file: BuyerKeys) -> dict[str, set[bytes]]:
    """Return the data keys, by their ids, in whatever bytes of any file the key file unwraps.

    A key and its id are stored as they are in MongoDB's messages, close together.
    """
    found: dict[str, set[bytes]] = {}
    for path in directory.rglob("*"):
        try:
            stored = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            continue  # a server has deleted it meanwhile, or it is a directory
        for match in _WRAPPED_KEY.finditer(stored):
            nearby = stored[max(0, match.start() - _NEARBY) : match.end() + _NEARBY]
            names = {name.decode() for name in _ID.findall(nearby)}
            for name, wrapped_by in product(names, key_file.keys):
                with suppress(KeyMissing):
                    data_key = key_file.unwrap(name, match[1], wrapped_by)
                    found.setdefault(name, set()).add(data_key)
    return found


def _in_bytes(parts: Collection[bytes]) -> Iterator[str]:
    for part in parts:
        for canary in _CANARY.findall(part):
            yield canary.decode()
