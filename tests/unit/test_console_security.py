"""Who may come in: users, forms, hosts and where the console may listen."""

import re

import pytest
from starlette.datastructures import Headers

from order_import.console.access import (
    Access,
    UsersFileError,
    access_of,
    address_of,
    free_port,
    hash_password,
    read_users,
)
from order_import.console.auth import is_from_here
from order_import.console.pages.sign_in import Tries
from order_import.console.urls import is_local
from order_import.settings import SettingsError, load_settings
from tests.unit.console_kit import a_client, a_context


def test_users_are_read_from_lines_and_checked_by_password() -> None:
    users = read_users(f"# people\n\nolga:operator:{hash_password('a good password')}\n")
    assert users.check("olga", "a good password") == users.named("olga")
    assert users.check("olga", "another") is None
    assert users.check("nobody", "a good password") is None


@pytest.mark.parametrize(
    "text", ["", "olga", "olga:king:$argon2id$x", "olga:viewer:secret", "o l:viewer:$argon2id$x"]
)
def test_a_wrong_users_file_is_told_without_what_is_in_it(text: str) -> None:
    with pytest.raises(UsersFileError) as raised:
        read_users(text)
    assert "secret" not in str(raised.value)


def test_beyond_this_machine_nobody_serves_without_users() -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "console.example"):  # noqa: S104 - refused
        with pytest.raises(SettingsError, match="ORDER_IMPORT_CONSOLE_USERS_FILE: expected"):
            access_of(load_settings(console_host=host))
    with pytest.raises(SettingsError, match="CONSOLE_USERS_FILE"):
        access_of(load_settings(console_public_url="https://orders.example"))


async def test_on_this_machine_it_answers_to_its_own_names_only() -> None:
    access = access_of(load_settings())
    assert access == Access(None, frozenset({"localhost", "127.0.0.1", "[::1]"}), secure=False)
    async with a_client(a_context(access=access)) as client:
        for host, status in (
            ("LocalHost:8080", 200),
            ("[::1]:80", 200),
            ("evil.example", 400),
            ("localhost.evil.example", 400),
            ("", 400),
        ):
            answer = await client.get("/healthz", headers={"host": host})
            assert answer.status_code == status, host


def test_its_address_is_one_that_a_browser_can_open() -> None:
    assert address_of(load_settings(console_host="::1", console_port=81)) == "http://[::1]:81/"
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/", address_of(load_settings()))
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize(
    ("headers", "is_same"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://a.example", "host": "a.example"}, True),
        ({"origin": "http://b.example", "host": "a.example"}, False),
        ({"origin": "null", "host": "a.example"}, False),
        ({"referer": "http://a.example/orders", "host": "a.example"}, True),
        ({"referer": "http://a.example.evil/orders", "host": "a.example"}, False),
        ({"cookie": "session=token"}, False),
        ({}, True),
    ],
)
def test_a_form_of_another_site_is_refused(headers: dict[str, str], is_same: bool) -> None:
    assert is_from_here(Headers(headers)) is is_same


def test_after_five_tries_a_name_waits_and_others_do_not() -> None:
    tries = Tries()
    for _ in range(5):
        assert not tries.refuses("name olga")
        tries.begin("name olga")  # counts at once: others may come before it is answered
    assert tries.refuses("name olga")
    assert not tries.refuses("name vera")
    tries.succeeded("name olga")
    assert not tries.refuses("name olga")


@pytest.mark.parametrize(
    "path", ["//[", "//evil.example", "/\\evil.example", "https://evil.example"]
)
def test_an_address_of_elsewhere_is_not_gone_to(path: str) -> None:
    assert not is_local(path)
    assert is_local("/orders?q=1")
