"""Programs downstream claim buyers with a token: who may, what they get, and what is recorded."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from models.amazon_order import Address, Buyer, Gift
from models.buyer_data import BuyerData, Erased, Retained, RetentionReason
from models.errors import StorageUnavailable
from models.order_record import OrderRecord
from order_import.console.access import (
    Access,
    Users,
    UsersFileError,
    hash_password,
    hash_token,
    read_users,
)
from order_import.console.pages import buyers
from storage.port import AuditEntry
from tests.builders import a_record, an_order
from tests.unit.console_kit import NOW, Failing, Quiet, a_client, a_context

TOKEN = "the token of a shop"  # noqa: S105 - the test's own
KEPT = Retained(NOW + timedelta(days=3), RetentionReason.OPEN)
USERS = f"olga:operator:{hash_password('a good password')}\nshop:downstream:{hash_token(TOKEN)}"


class OneOrder(Quiet):
    """A storage with one order, and an audit log."""

    def __init__(self, buyer_data: BuyerData | None = KEPT, **order: Any) -> None:
        personal = {
            "buyer": Buyer(name="Dana"),
            "ship_to": Address(city="Springfield"),
            "gifts": (Gift(order_item_id="item-1", message="Enjoy!"),),
        }
        fields = personal | order
        self.record_ = replace(a_record(order=an_order(**fields)), buyer_data=buyer_data)
        self.audit: list[AuditEntry] = []

    async def snapshot(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(self)

    async def orders(self, keys: list[str]) -> dict[str, OrderRecord]:
        return {self.record_.key: self.record_} if self.record_.key in keys else {}

    async def orders_of(self, ids: set[str]) -> dict[str, OrderRecord]:
        order_id = self.record_.order.amazon_order_id
        return {order_id: self.record_} if order_id in ids else {}

    async def record(self, entry: AuditEntry) -> None:
        self.audit.append(entry)


class OnlyAudited(Failing):
    """An audit log, and nothing else that could be asked."""

    def __init__(self) -> None:
        super().__init__(AssertionError())
        self.audit: list[AuditEntry] = []

    async def record(self, entry: AuditEntry) -> None:
        self.audit.append(entry)


@pytest.fixture(autouse=True)
def _no_claim_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buyers, "_refused", buyers.RefusedClaims())


def a_site(world: Any, users: str | None = USERS, token: str = TOKEN) -> httpx.AsyncClient:
    access = Access(None if users is None else read_users(users), frozenset(), secure=False)
    client = a_client(a_context(storage=world, state=world, access=access))
    client.headers["authorization"] = f"Bearer {token}"
    return client


async def test_a_program_gets_buyer_and_address_and_the_claim_is_recorded() -> None:
    world = OneOrder()
    order = world.record_.order
    async with a_site(world) as client:
        by_id = await client.get(f"/api/buyers/{order.amazon_order_id}")
        by_key = await client.get(f"/api/buyers/{world.record_.key}")
    assert by_id.json() == by_key.json()
    assert by_id.json()["buyer"] == {"name": "Dana", "email": None}
    assert by_id.json()["ship_to"]["city"] == "Springfield"
    gift = {"order_item_id": "item-1", "message": "Enjoy!", "wrapping": None}
    assert by_id.json()["gifts"] == [gift]
    assert by_id.json()["kept_until"] == "2026-11-26T12:00:00Z"
    assert by_id.headers["cache-control"] == "no-store"
    done = {(entry.user, entry.action, entry.target, entry.detail) for entry in world.audit}
    assert (len(world.audit), done) == (2, {("shop", "claimed-buyer", world.record_.key, "")})


@pytest.mark.parametrize(
    ("buyer_data", "status", "detail"),
    [
        (Erased(NOW), 410, "erased"),
        (Retained(NOW, RetentionReason.OPEN), 410, "erased"),  # it is erased within a minute
        (None, 404, "unknown"),
    ],
)
async def test_a_buyer_that_is_not_there_is_told_apart_from_one_that_was_erased(
    buyer_data: BuyerData | None, status: int, detail: str
) -> None:
    world = OneOrder(buyer_data)
    async with a_site(world) as client:
        answer = await client.get(f"/api/buyers/{world.record_.key}")
    assert answer.status_code == status
    assert "Dana" not in answer.text
    assert [entry.detail for entry in world.audit] == [detail]


async def test_an_order_that_was_never_received_is_not_there() -> None:
    world = OneOrder()
    async with a_site(world) as client:
        for name in ("1-2-3", "us/1-2-3", "jane@marker.example", "x" * 2_000):
            assert (await client.get(f"/api/buyers/{name}")).status_code == 404
    recorded = [(entry.user, entry.target, entry.detail) for entry in world.audit]
    targets = ("1-2-3", "us/1-2-3", "", "")
    assert recorded == [("shop", target, "not-received") for target in targets]


@pytest.mark.parametrize(
    "header",
    ["Bearer another", "Bearer", "", f"Basic {TOKEN}", f"Bearer {hash_token(TOKEN)}"],
)
@pytest.mark.parametrize("users", [USERS, None])
async def test_without_a_valid_token_nothing_is_looked_up(header: str, users: str | None) -> None:
    world = OnlyAudited()
    async with a_site(world, users) as client:
        answer = await client.get("/api/buyers/1-2-3", headers={"authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    [entry] = world.audit
    recorded = (entry.user, entry.action, entry.target, entry.detail)
    assert recorded == ("nobody", "refused-claims", "", "1")


async def test_claims_without_a_valid_token_cannot_fill_the_audit_log() -> None:
    world, at = OnlyAudited(), NOW
    access = Access(read_users(USERS), frozenset(), secure=False)
    context = replace(a_context(storage=world, state=world, access=access), now=lambda: at)
    with capture_logs() as logged:
        async with a_client(context) as client:
            for pause in [timedelta()] * 100 + [timedelta(minutes=5)] + [timedelta()] * 100:
                at += pause
                header = {"authorization": f"Bearer {TOKEN}-guessed"}
                assert (await client.get("/api/buyers/1", headers=header)).status_code == 401
    assert [entry.detail for entry in world.audit] == ["1", "100"]
    refused = [line["claims"] for line in logged if line["event"] == "claims-refused"]
    assert refused == [1, 100]
    assert "guessed" not in repr((world.audit, logged))


async def test_a_claim_is_refused_even_if_that_cannot_be_recorded() -> None:
    async with a_site(Failing(StorageUnavailable()), token="another") as client:  # noqa: S106 - none
        assert (await client.get("/api/buyers/1-2-3")).status_code == 401


async def test_a_claim_that_cannot_be_recorded_is_not_answered() -> None:
    class Full(OneOrder):
        async def record(self, _: AuditEntry) -> None:
            raise StorageUnavailable

    world = Full()
    async with a_site(world) as client:
        answer = await client.get(f"/api/buyers/{world.record_.key}")
    assert answer.status_code == 503
    assert "Dana" not in answer.text


async def test_a_token_opens_no_page_and_a_program_cannot_sign_in() -> None:
    async with a_site(OneOrder()) as client:
        assert (await client.get("/orders")).headers["location"].startswith("/sign-in")
    users = read_users(USERS)
    assert users.named("shop") is None
    assert users.check("shop", TOKEN) is None
    assert users.with_token("a good password") is None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("shop:downstream:$argon2id$v=19", "expected sha256: and the hash of a token"),
        (f"olga:operator:{hash_token(TOKEN)}", "expected an argon2id hash"),
        (f"shop:upstream:{hash_token(TOKEN)}", r"expected name:viewer\|operator\|downstream:hash"),
    ],
)
def test_each_role_has_its_kind_of_secret(line: str, error: str) -> None:
    with pytest.raises(UsersFileError, match=error):
        read_users(line)
    assert isinstance(read_users(USERS), Users)
