"""`buyer_data` and `buyer_keys` documents: what may be personal, encrypted, and its data key.

An order's document has the order's own id. That of a dead letter begins with `dead-letter//`,
which no order's id can do.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import bson
from bson.binary import Binary

from models.amazon_order import Address, AmazonOrder, Buyer, Gift
from models.dead_letters import DeadLetter
from storage.documents.values import Document, present
from storage.encryption import BuyerKeys, Sealed, decrypt


class SealedDocuments(NamedTuple):
    """The two documents of one content, for two databases, without their `_id`."""

    data: Document
    key: Document


def dead_letter_data_id(dead_letter_id: str) -> str:
    """Return the id under which the bytes of a dead letter are stored."""
    return f"dead-letter//{dead_letter_id}"


def buyer_to_documents(
    keys: BuyerKeys,
    document_id: str,
    order: AmazonOrder,
    expires_at: datetime,
    data_key: bytes | None = None,
) -> SealedDocuments:
    """Return the documents of what is personal in an order; `data_key` is that of stored ones."""
    buyer, ship_to, gifts = order.personal
    content = present(
        buyer=None if buyer is None else present(**vars(buyer)),
        ship_to=None if ship_to is None else present(**vars(ship_to)),
        gifts=[present(**vars(gift)) for gift in gifts] or None,
    )
    words: list[bytes] = []
    if buyer is not None and buyer.name is not None:
        words += keys.hash_words(buyer.name)
    if buyer is not None and buyer.email is not None:
        words.append(keys.hash_email(buyer.email))
    sealed = keys.seal(document_id, bson.encode(content), data_key)
    return _to_documents(sealed, expires_at, words=words or None)


def bytes_to_documents(keys: BuyerKeys, dead_letter: DeadLetter) -> SealedDocuments:
    """Return the documents of a dead letter's key, value and headers."""
    content = {
        "key": dead_letter.key,
        "value": dead_letter.value,
        "headers": [list(header) for header in dead_letter.headers],
    }
    data_id = dead_letter_data_id(dead_letter.dead_letter_id)
    return _to_documents(keys.seal(data_id, bson.encode(content)), dead_letter.expires_at)


def data_key_from_document(keys: BuyerKeys, document: Document) -> bytes:
    """Return a stored data key.

    Raises:
        KeyMissing: It was wrapped by another key.
    """
    return keys.unwrap(document["_id"], document["data_key"], document["wrapped_by"])


def rewrap(keys: BuyerKeys, document: Document) -> Document:
    """Return the fields of a stored data key, wrapped by the first key.

    Raises:
        KeyMissing: It was wrapped by another key.
    """
    data_key = data_key_from_document(keys, document)
    wrapped = keys.wrap(document["_id"], data_key)
    return {"data_key": Binary(wrapped), "wrapped_by": keys.current}


def content_from_document(document: Document, data_key: bytes) -> Document | None:
    """Return a stored content; None if it was encrypted with another data key."""
    content = decrypt(document["_id"], document["content"], data_key)
    return None if content is None else bson.decode(content)


def buyer_from_content(content: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the personal fields of an order, by name, from a stored content."""
    buyer, ship_to = content.get("buyer"), content.get("ship_to")
    return {
        "buyer": None if buyer is None else Buyer(**buyer),
        "ship_to": None if ship_to is None else Address(**ship_to),
        "gifts": tuple(Gift(**gift) for gift in content.get("gifts", ())),
    }


def _to_documents(sealed: Sealed, expires_at: datetime, **fields: object) -> SealedDocuments:
    return SealedDocuments(
        {"content": Binary(sealed.content), "expires_at": expires_at},
        {
            "data_key": Binary(sealed.data_key),
            "wrapped_by": sealed.wrapped_by,
            "expires_at": expires_at,
            **present(**fields),
        },
    )
