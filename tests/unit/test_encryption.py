"""Rule 27: buyer data is encrypted with a data key for each document, wrapped by a key file's."""

import stat
from pathlib import Path

import pytest

from models.amazon_order import Address, Buyer, Gift
from models.errors import KeyMissing
from order_import.buyer_keys import (
    add_key,
    create_key_file,
    find_buyer_keys,
    read_buyer_keys,
    remove_old_keys,
)
from order_import.settings import Settings, SettingsError, exposed_files
from storage.documents.buyer_data import (
    buyer_from_content,
    buyer_to_documents,
    bytes_to_documents,
    content_from_document,
    data_key_from_document,
    dead_letter_data_id,
)
from storage.encryption import KEY_BYTES, BuyerKeys, decrypt
from tests.builders import KEY, NOW, a_dead_letter, an_order
from tests.keys import KEYS

OTHER = BuyerKeys([b"o" * KEY_BYTES], bytes(KEY_BYTES))
BUYER = Buyer(name="Dana Muster", email="dana@example.org")
ADDRESS = Address(name="Dana Muster", lines=("Weg 7", "Hof"), city="Lübeck", phone="1")


def test_what_is_sealed_can_be_opened_with_its_key_for_its_document_alone() -> None:
    sealed = KEYS.seal("us/1", b"Dana")
    data_key = KEYS.unwrap("us/1", sealed.data_key, sealed.wrapped_by)
    assert decrypt("us/1", sealed.content, data_key) == b"Dana"
    assert decrypt("us/2", sealed.content, data_key) is None
    with pytest.raises(KeyMissing, match="damaged"):
        KEYS.unwrap("us/2", sealed.data_key, sealed.wrapped_by)
    with pytest.raises(KeyMissing, match=f"{KEYS.current}, which the key file lacks"):
        OTHER.unwrap("us/1", sealed.data_key, sealed.wrapped_by)


def test_nothing_is_the_same_twice_and_a_document_keeps_its_data_key() -> None:
    first, other = KEYS.seal("us/1", b"Dana"), KEYS.seal("us/1", b"Dana")
    assert len({first.content, other.content, first.data_key, other.data_key}) == 4
    data_key = KEYS.unwrap("us/1", first.data_key, first.wrapped_by)
    again = KEYS.seal("us/1", b"Kim", data_key)
    assert KEYS.unwrap("us/1", again.data_key, again.wrapped_by) == data_key
    # A content of before, restored from a backup, can still be read.
    assert decrypt("us/1", first.content, data_key) == b"Dana"


def test_a_new_first_key_wraps_and_the_earlier_ones_unwrap() -> None:
    both = BuyerKeys([*OTHER.keys.values(), *KEYS.keys.values()], bytes(KEY_BYTES))
    before = KEYS.seal("us/1", b"Dana")
    data_key = both.unwrap("us/1", before.data_key, before.wrapped_by)
    after = both.seal("us/1", b"Dana", data_key)
    assert after.wrapped_by == OTHER.current
    assert OTHER.unwrap("us/1", after.data_key, after.wrapped_by) == data_key


def test_a_buyer_comes_back_as_it_was_and_its_documents_do_not_show_it() -> None:
    gifts = (
        Gift(order_item_id="1", message="Dana loves you"),
        Gift(order_item_id="2", wrapping="Classic"),
    )
    order = an_order(buyer=BUYER, ship_to=ADDRESS, gifts=gifts)
    data, key = buyer_to_documents(KEYS, KEY, order, NOW)
    assert not [
        word for word in (b"Dana", b"loves", b"Weg", b"beck", b"Classic") if word in data["content"]
    ]
    data_key = data_key_from_document(KEYS, {"_id": KEY} | key)
    content = content_from_document({"_id": KEY} | data, data_key)
    assert content is not None
    stored = {"buyer": BUYER, "ship_to": ADDRESS, "gifts": gifts}
    assert buyer_from_content(content) == stored


@pytest.mark.parametrize(("key", "value"), [(None, None), (b"", b""), (b"\xff", b"\x00{\xff")])
def test_the_bytes_of_a_dead_letter_come_back_as_they_were(
    key: bytes | None, value: bytes | None
) -> None:
    dead_letter = a_dead_letter(key=key, value=value, headers=(("a", None), ("a", b"\xff")))
    data_id = dead_letter_data_id(dead_letter.dead_letter_id)
    data, wrapped = bytes_to_documents(KEYS, dead_letter)
    data_key = data_key_from_document(KEYS, {"_id": data_id} | wrapped)
    content = content_from_document({"_id": data_id} | data, data_key)
    assert content == {"key": key, "value": value, "headers": [["a", None], ["a", b"\xff"]]}
    assert data["expires_at"] == wrapped["expires_at"] == dead_letter.expires_at


def test_words_are_compared_by_their_letters_and_only_with_the_same_key() -> None:
    hashes = KEYS.hash_words("Dana Müller-Lüdenscheid")
    assert len(hashes) == 3
    assert KEYS.hash_words("  DANA dana ") == hashes[:1]
    assert KEYS.hash_words("mu\u0308ller") == hashes[1:2]
    other = BuyerKeys([bytes(KEY_BYTES)], b"s" * KEY_BYTES)
    assert not {*other.hash_words("Dana Müller-Lüdenscheid")} & {*hashes}
    assert KEYS.hash_words(" - ") == []


def named(path: Path | None) -> Settings:
    return Settings().model_copy(update={"buyer_key_file": path})


def test_a_key_file_is_created_for_its_owner_alone_and_never_twice(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "buyer-keys.json"
    create_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = read_buyer_keys(named(path))
    assert read_buyer_keys(named(path)).keys == keys.keys
    with pytest.raises(FileExistsError):
        create_key_file(path)
    assert read_buyer_keys(named(path)).keys == keys.keys
    create_key_file(tmp_path / "other")
    assert keys.keys.keys().isdisjoint(read_buyer_keys(named(tmp_path / "other")).keys)
    path.chmod(0o644)
    assert [file.path for file in exposed_files(named(path))] == [path]


def test_a_new_key_comes_first_and_the_old_ones_are_removed_later(tmp_path: Path) -> None:
    path = tmp_path / "buyer-keys.json"
    create_key_file(path)
    old = read_buyer_keys(named(path))
    new = add_key(path, old)
    assert list(new.keys)[1:] == [old.current]
    assert new.search_key == old.search_key
    assert read_buyer_keys(named(path)).current == new.current
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert remove_old_keys(path, new) == 1
    assert list(read_buyer_keys(named(path)).keys) == [new.current]
    assert [*tmp_path.iterdir()] == [path]


def test_a_wrong_key_file_is_refused_in_words_that_do_not_show_it(tmp_path: Path) -> None:
    path = tmp_path / "buyer-keys.json"
    with pytest.raises(SettingsError, match="expected the file of the keys"):
        read_buyer_keys(named(None))
    assert find_buyer_keys(named(None)) is None
    with pytest.raises(SettingsError, match="does not exist; order-import init creates it"):
        read_buyer_keys(named(path))
    assert find_buyer_keys(named(path)) is None
    for text in ("", "[]", "{}", '{"keys": [], "search": ""}', '{"keys": ["AAAA"], "search": 1}'):
        path.write_text(text)
        with pytest.raises(SettingsError, match="is not a file of keys") as caught:
            find_buyer_keys(named(path))
        assert "AAAA" not in str(caught.value)
