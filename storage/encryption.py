"""Encryption of buyer data: a data key for each document, wrapped by a key that is not stored.

AES-256-GCM twice: the data key encrypts the content, and a wrapping key from a file encrypts the
data key. Both are bound to the document's id, so that neither can be moved to another document.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence
from os import urandom
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.errors import KeyMissing

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_CHARACTERS = 16
_WORD_BYTES = 8
_WORD = re.compile(r"\w+")


class Sealed(NamedTuple):
    """An encrypted content, its wrapped data key, and the id of the key that wraps it."""

    content: bytes
    data_key: bytes
    wrapped_by: str


class BuyerKeys:
    """The keys of a key file. The first one wraps new data keys; all of them unwrap.

    `search_key` hashes the words by which an order is found: without it, a stored word cannot be
    compared with a guess.
    """

    def __init__(self, keys: Sequence[bytes], search_key: bytes) -> None:
        self.keys = {key_id(key): key for key in keys}
        self.search_key = search_key
        self.current = key_id(keys[0])
        self._ciphers = {name: AESGCM(key) for name, key in self.keys.items()}

    def seal(self, document_id: str, content: bytes, data_key: bytes | None = None) -> Sealed:
        """Encrypt a content, with a new data key unless the document has one."""
        data_key = data_key or urandom(KEY_BYTES)
        return Sealed(
            _encrypt(AESGCM(data_key), content, document_id.encode()),
            self.wrap(document_id, data_key),
            self.current,
        )

    def wrap(self, document_id: str, data_key: bytes) -> bytes:
        """Encrypt a data key with the first key."""
        return _encrypt(self._ciphers[self.current], data_key, document_id.encode())

    def unwrap(self, document_id: str, data_key: bytes, wrapped_by: str) -> bytes:
        """Return a data key.

        Raises:
            KeyMissing: It was wrapped by another key, or for another document.
        """
        cipher = self._ciphers.get(wrapped_by)
        if cipher is None:
            raise KeyMissing(
                f"buyer data was encrypted with the key {wrapped_by}, which the key file lacks"
            )
        try:
            return _decrypt(cipher, data_key, document_id.encode())
        except InvalidTag:
            raise KeyMissing(f"a data key wrapped by {wrapped_by} is damaged") from None

    def hash_words(self, text: str) -> list[bytes]:
        """Return a keyed hash of each word of a text, whatever its case and Unicode form."""
        words = _WORD.findall(_normalized(text))
        return [self._hash(word) for word in dict.fromkeys(words)]

    def hash_email(self, email: str) -> bytes:
        """Return a keyed hash of a whole e-mail address. It is no word's hash."""
        return self._hash(f"email:{_normalized(email).strip()}")

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self.search_key, text.encode(), "sha256")[:_WORD_BYTES]


def decrypt(document_id: str, content: bytes, data_key: bytes) -> bytes | None:
    """Return a content; None if it was encrypted with another data key, or for another document."""
    try:
        return _decrypt(AESGCM(data_key), content, document_id.encode())
    except InvalidTag:
        return None


def _normalized(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def key_id(key: bytes) -> str:
    """Return the public id of a wrapping key."""
    return hashlib.sha256(b"order-import key id" + key).hexdigest()[:_ID_CHARACTERS]


def _encrypt(cipher: AESGCM, data: bytes, name: bytes) -> bytes:
    nonce = urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, name)


def _decrypt(cipher: AESGCM, data: bytes, name: bytes) -> bytes:
    return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name)
