"""The logical sessions known to a server, and their expiry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from bson.binary import Binary
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.clock import SettableClock
from secantus_server.dispatch.dispatcher import _checked_uuid
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.sessions.executed import Executed
from secantus_server.sessions.ids import NOBODY
from secantus_server.sessions.registry import TIMEOUT_MINUTES, SessionRegistry


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


def code(client: MongoClient, command: dict[str, Any], db: str = "admin") -> int | None:
    with pytest.raises(OperationFailure) as raised:
        client[db].command(command)
    return raised.value.code


def test_system_sessions_can_be_read(client: MongoClient) -> None:
    identity = client.admin.command("startSession")["id"]["id"]
    assert client.admin.command("refreshLogicalSessionCacheNow")["ok"] == 1
    sessions = client.config["system.sessions"]
    found = sessions.find_one({"_id.id": identity})
    assert found is not None
    assert (list(found), type(found["lastUse"])) == (["_id", "lastUse"], datetime)
    assert found in list(sessions.aggregate([{"$listSessions": {"allUsers": True}}]))
    with pytest.raises(OperationFailure) as raised:
        client.config.other.aggregate([{"$listSessions": {}}])
    assert raised.value.code == 73


def test_expired_sessions_lose_their_cursors_and_transactions() -> None:
    clock = SettableClock(1_700_000_000_000)
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", clock=clock) as server, MongoClient(server.uri) as client:
        client.db.c.insert_many([{}, {}, {}])
        session = client.start_session()
        cursor = client.db.c.find(batch_size=1, session=session)
        next(cursor)
        other = client.start_session()
        other.start_transaction()
        client.db.c.insert_one({}, session=other)
        clock.advance(TIMEOUT_MINUTES * 60_000 + 1)
        client.admin.command("reapLogicalSessionCacheNow")
        assert server.services.cursors.open_count() == 0
        assert client.admin.command("serverStatus")["transactions"]["currentOpen"] == 0
        with pytest.raises(OperationFailure) as raised:
            other.commit_transaction()
        assert raised.value.code == 251


def test_the_number_of_sessions_is_limited() -> None:
    registry = SessionRegistry(SettableClock(5))
    registry.max_sessions = 2
    for session in (b"a" * 16, b"b" * 16, b"a" * 16):
        registry.use(session)
    with pytest.raises(CommandError) as raised:
        registry.use(b"c" * 16)
    assert raised.value.code == 261


PATTERNS: list[tuple[list[dict[str, Any]], bool]] = [
    ([], True),
    ([{"uid": NOBODY}], True),
    ([{"uid": b"x" * 32}], False),
    ([{"users": [{"user": "u", "db": "admin"}]}], False),
    ([{"roles": [{"role": "r", "db": "admin"}]}], False),
    ([{"lsid": {"id": Binary(b"y" * 16, 4)}}], False),
    ([{"uid": b"x" * 32}, {}], True),
]


@pytest.mark.parametrize(("patterns", "killed"), PATTERNS, ids=str)
def test_killed_by_pattern(client: MongoClient, patterns: list[dict[str, Any]], killed: bool) -> None:
    client.db.c.insert_many([{}, {}, {}])
    with client.start_session() as session:
        cursor = client.db.c.find(batch_size=1, session=session)
        next(cursor)
        client.admin.command({"killAllSessionsByPattern": [{"lsid": {"id": Binary(b"z" * 16, 4)}}]})
        client.admin.command({"killAllSessionsByPattern": patterns})
        if not killed:
            client.admin.command({"killAllSessionsByPattern": [{"lsid": session.session_id}]})
        with pytest.raises(OperationFailure) as raised:
            list(cursor)
        assert raised.value.code == 43


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"killAllSessionsByPattern": [{"x": 1}]}, 40415),
        ({"killAllSessionsByPattern": [{"uid": 1}]}, 14),
        ({"killAllSessionsByPattern": [{"lsid": {"id": 1}}]}, 14),
        ({"killAllSessionsByPattern": 1}, 14),
        ({"killAllSessions": [{"user": "u"}]}, 40414),
        ({"killSessions": [{}]}, 40414),
        ({"endSessions": [{"id": 1}]}, 14),
    ],
    ids=str,
)
def test_malformed_arguments(client: MongoClient, command: dict[str, Any], expected: int) -> None:
    assert code(client, command) == expected


@pytest.mark.parametrize(
    ("lsid", "expected"),
    [
        ({}, 40414),
        ({"id": 1}, 14),
        ({"id": Binary(b"short", 4)}, 207),
        ({"id": Binary(b"a" * 16, 4), "x": 1}, 40415),
        ({"id": Binary(b"a" * 16, 4), "uid": 1}, 14),
        ({"id": Binary(b"a" * 16, 4), "uid": NOBODY}, None),
        ({"id": Binary(b"a" * 16, 4), "txnNumber": 1}, 72),
        ({"id": Binary(b"a" * 16, 4), "txnNumber": 1, "txnUUID": Binary(b"b" * 16, 4)}, 238),
    ],
    ids=str,
)
def test_forms_of_session_ids(lsid: dict[str, Any], expected: int | None) -> None:
    if expected is None:
        assert _checked_uuid(lsid) == b"a" * 16
        return
    with pytest.raises(CommandError) as raised:
        _checked_uuid(lsid)
    assert raised.value.code == expected


def test_ending_a_session_ends_its_transaction_and_cursors(client: MongoClient) -> None:
    client.db.c.insert_many([{}, {}, {}])
    before = client.admin.command("serverStatus")["transactions"]
    session = client.start_session()
    session.start_transaction()
    client.db.c.insert_one({"_id": 1}, session=session)
    client.admin.command({"endSessions": [session.session_id]})
    assert client.db.c.find_one({"_id": 1}) is None
    after = client.admin.command("serverStatus")["transactions"]
    assert (after["totalAborted"] - before["totalAborted"], after["currentOpen"]) == (1, 0)
    with pytest.raises(OperationFailure) as raised:
        session.commit_transaction()
    assert raised.value.code == 251
