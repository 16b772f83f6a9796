"""Who may do what: pages require signing in, and actions require an operator."""

from datetime import timedelta

import httpx
import pytest
from starlette.routing import Route

from models.errors import StorageUnavailable
from order_import.console.access import Access, hash_password, read_users
from order_import.console.auth import hashed
from order_import.console.routes import ROUTES
from storage.port import Session
from tests.unit.console_kit import NOW, Failing, Quiet, a_client, a_context

USERS = read_users(
    f"olga:operator:{hash_password('a good password')}\nvera:viewer:{hash_password('another one')}"
)
PLACES = [
    (method, route.path.replace("{", "").replace("}", ""))
    for route in ROUTES
    if isinstance(route, Route)
    for method in sorted({"GET", "POST"} & (route.methods or set()))
]
FOR_ALL = {"/sign-in", "/preferences"}
FOR_VIEWERS = {"/replays/new", "/sign-out"}


class Sessions(Quiet):
    """Sessions of both users, each by the user's name as its token."""

    def __init__(self, **changes: object) -> None:
        self.changes = changes
        self.ended: list[str] = []

    async def session(self, session_id: str) -> Session | None:
        for name in ("olga", "vera"):
            if session_id == hashed(name):
                user = USERS.named(name)
                assert user is not None
                password, until = hashed(user.password_hash), NOW + timedelta(hours=1)
                fields = {"password": password, "expires_at": until} | self.changes
                return Session(session_id, name, created_at=NOW, **fields)  # type: ignore[arg-type]  # by name
        return None

    async def end_session(self, session_id: str) -> None:
        self.ended.append(session_id)


def a_site(state: object, token: str | None = None) -> httpx.AsyncClient:
    # A page that passes fails at once with 503: nothing else answers.
    down = Failing(StorageUnavailable())
    fakes = dict.fromkeys(("reader", "orders", "storage", "dead_letters", "publish"), down)
    access = Access(USERS, frozenset(), secure=False)
    client = a_client(a_context(**fakes, check_health=down, access=access, state=state))
    client.headers["sec-fetch-site"] = "same-origin"
    if token is not None:
        client.cookies.set("session", token)
    return client


@pytest.mark.parametrize(("method", "path"), PLACES)
async def test_an_address_requires_signing_in(method: str, path: str) -> None:
    async with a_site(Sessions()) as client:
        answer = await client.request(method, path)
    if path in FOR_ALL:
        assert answer.status_code in (200, 303, 401)
        assert "next=" not in answer.headers.get("location", "")
    elif method == "GET":
        assert answer.headers["location"] == f"/sign-in?next={path.replace('/', '%2F')}"
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize("path", sorted({path for method, path in PLACES if method == "POST"}))
async def test_a_viewer_changes_nothing(path: str) -> None:
    async with a_site(Sessions(), "vera") as client:
        answer = await client.post(path)
    is_refused = (answer.status_code, "You have read-only access." in answer.text) == (403, True)
    assert is_refused == (path not in FOR_ALL | FOR_VIEWERS)


@pytest.mark.parametrize(
    "changes",
    [{"expires_at": NOW}, {"password": hashed("an earlier password's hash")}, {"user": "gone"}],
)
async def test_an_expired_or_replaced_session_is_not_accepted(changes: dict[str, object]) -> None:
    class Gone(Sessions):
        async def session(self, session_id: str) -> Session | None:
            found = await super().session(session_id)
            user = changes.get("user", "olga")
            return found and Session(session_id, str(user), found.password, NOW, found.expires_at)

    over = {name: value for name, value in changes.items() if name != "user"}
    async with a_site(Gone(**over), "olga") as client:
        answer = await client.get("/audit")
    assert answer.headers["location"] == "/sign-in?next=%2Faudit"


async def test_signing_out_ends_the_session() -> None:
    state = Sessions()
    async with a_site(state, "olga") as client:
        answer = await client.post("/sign-out")
    assert state.ended == [hashed("olga")]
    assert 'session=""' in answer.headers["set-cookie"]
