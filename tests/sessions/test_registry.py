"""The logical sessions known to a server, and their expiry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bson.binary import Binary
from pymongo import MongoClient

from secantus_server.clock import SettableClock
from secantus_server.server import SecantusDBServer
from secantus_server.sessions.registry import TIMEOUT_MINUTES, SessionRegistry
from secantus_server.sessions.retryable import Executed


def test_a_session_lives_from_its_use_to_its_end() -> None:
    registry = SessionRegistry(SettableClock(5))
    registry.use(b"a")
    registry.use(b"b")
    registry.end([b"a", b"never used"])
    assert registry.last_uses() == [(b"b", 5)]


def runs(registry: SessionRegistry, session: bytes, number: int) -> bool:
    """Return whether a write with this number may run."""
    return registry.retries.begin(session, number)[1]


def test_the_numbers_of_writes_go_up_and_end_with_their_session() -> None:
    clock = SettableClock(0)
    registry = SessionRegistry(clock)
    assert [runs(registry, b"a", number) for number in (5, 5, 4, 6)] == [True, False, False, True]
    assert runs(registry, b"b", 5)
    registry.end([b"a"])
    assert runs(registry, b"a", 1)
    clock.advance(TIMEOUT_MINUTES * 60_000 + 1)
    registry.expire()
    assert registry.known() == frozenset()
    assert runs(registry, b"b", 5)


def test_executed_statements_are_kept_until_the_next_write() -> None:
    registry = SessionRegistry(SettableClock(0))
    first, _ = registry.retries.begin(b"a", 1)
    first.note(Executed("insert", 3, 5))
    kept, is_new = registry.retries.begin(b"a", 1)
    assert not is_new
    assert [kept.find(statement) is not None for statement in (2, 3, 5, 6)] == [False, True, True, False]
    second, is_new = registry.retries.begin(b"a", 2)
    assert is_new
    assert second.find(3) is None


def test_an_idle_session_expires() -> None:
    clock = SettableClock(0)
    registry = SessionRegistry(clock)
    for session in (b"idle", b"used"):
        registry.use(session)
    clock.advance(TIMEOUT_MINUTES * 60_000)
    registry.expire()
    assert registry.known() == {b"idle", b"used"}
    registry.use(b"used")
    clock.advance(1)
    registry.expire()
    assert registry.known() == {b"used"}


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running


@pytest.fixture
def client(server: SecantusDBServer) -> Iterator[MongoClient]:
    with MongoClient(server.uri) as connected:
        yield connected


def listed(client: MongoClient, **options: object) -> list[Binary]:
    return [session["_id"]["id"] for session in client.admin.aggregate([{"$listLocalSessions": options}])]


def test_implicit_and_explicit_sessions_are_listed_until_they_end(client: MongoClient) -> None:
    (implicit,) = listed(client)
    with client.start_session() as session:
        client.db.c.find_one({}, session=session)
        explicit = session.session_id["id"]
        assert explicit in listed(client)
        assert implicit in listed(client, allUsers=True)
        client.admin.command({"endSessions": [{"id": explicit}]})
        assert explicit not in listed(client)


def test_nobody_has_a_session_by_name(client: MongoClient) -> None:
    assert listed(client, users=[{"user": "somebody", "db": "admin"}]) == []


def test_startsession_and_refreshsessions_make_one(client: MongoClient) -> None:
    started = client.admin.command("startSession")["id"]["id"]
    refreshed = Binary(b"0123456789abcdef", 4)
    client.admin.command({"refreshSessions": [{"id": refreshed}]})
    assert {started, refreshed} <= set(listed(client))
    assert client.admin.command("serverStatus")["logicalSessionRecordCache"]["activeSessionsCount"] >= 2


def test_a_restore_forgets_what_began_since(server: SecantusDBServer, client: MongoClient) -> None:
    before = client.admin.command("startSession")["id"]["id"]
    with server.checkpoint():
        since = client.admin.command("startSession")["id"]["id"]
        assert {before, since} <= set(listed(client))
    assert since not in listed(client)
    assert before in listed(client)
