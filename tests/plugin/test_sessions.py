"""The effect of a test's end on sessions, transactions, snapshot reads and the cluster time, in every isolation mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.plugin.project import Project

Client = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


@pytest.fixture
def client(server: SecantusDBServer) -> Iterator[Client]:
    with server.checkpoint(), MongoClient[dict[str, Any]](server.uri) as client:
        client.app.base.insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}])
        yield client


def refused(session: ClientSession, client: Client) -> OperationFailure:
    with pytest.raises(OperationFailure) as raised:
        client.app.base.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
    return raised.value


def test_a_restore_aborts_an_open_transaction_and_its_session_goes_on(server: SecantusDBServer, client: Client) -> None:
    with client.start_session() as session:
        client.app.base.find_one({}, session=session)
        snapshot = server.snapshot()
        session.start_transaction()
        client.app.base.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        server.restore(snapshot)
        error = refused(session, client)
        assert (error.code, error.has_error_label("TransientTransactionError")) == (251, True)
        session.abort_transaction()
        with session.start_transaction():
            client.app.base.update_one({"_id": 1}, {"$inc": {"n": 5}}, session=session)
        assert client.app.base.find_one({"_id": 1}) == {"_id": 1, "n": 5}
        server.restore(snapshot)
        with session.start_transaction():
            assert client.app.base.find_one({"_id": 1}, session=session) == {"_id": 1, "n": 0}
        server.release(snapshot)


def test_with_transaction_runs_again_after_a_restore(server: SecantusDBServer, client: Client) -> None:
    snapshot = server.snapshot()
    tries: list[int] = []

    def body(session: ClientSession) -> None:
        client.app.base.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        tries.append(1)
        if len(tries) == 1:
            server.restore(snapshot)
        client.app.base.update_one({"_id": 2}, {"$inc": {"n": 1}}, session=session)

    with client.start_session() as session:
        session.with_transaction(body)
    assert (len(tries), client.app.base.distinct("n")) == (2, [1])
    server.restore(snapshot)
    server.release(snapshot)


def test_setting_aside_aborts_open_transactions(server: SecantusDBServer, client: Client) -> None:
    snapshot = server.snapshot()
    client.app.new.insert_one({"_id": 1})
    with client.start_session() as of_the_test, client.start_session() as of_the_fixture:
        of_the_test.start_transaction()
        client.app.base.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=of_the_test)
        aside = server.set_aside(snapshot)
        # A fixture may change the collection that the transaction used.
        client.app.base.create_index("n")
        of_the_fixture.start_transaction()
        client.app.base.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=of_the_fixture)
        server.put_back(aside)
        assert client.app.new.find_one() == {"_id": 1}
        for session in (of_the_test, of_the_fixture):
            assert refused(session, client).code == 251
            session.abort_transaction()
            with session.start_transaction():
                client.app.base.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        server.restore(snapshot)
        identity = bytes(of_the_fixture.session_id["id"])
        assert identity in server.services.sessions.known()
    assert sorted(client.app.base.index_information()) == ["_id_", "n_1"]
    server.release(snapshot)


def test_the_cluster_time_only_grows(server: SecantusDBServer, client: Client) -> None:
    times = []
    snapshot = server.snapshot()
    for _ in range(3):
        times.append(client.app.command("insert", "base", documents=[{}])["operationTime"])
        server.restore(snapshot)
        times.append(client.app.command("ping")["operationTime"])
    server.release(snapshot)
    assert times == sorted(set(times))


def test_a_snapshot_session_goes_on_if_nothing_was_undone(server: SecantusDBServer, client: Client) -> None:
    with client.start_session(snapshot=True) as session:
        assert client.app.base.distinct("_id", session=session) == [1, 2]
        with server.checkpoint():
            assert client.app.base.distinct("_id", session=session) == [1, 2]
            client.app.base.insert_one({"_id": 3})
        assert client.app.base.distinct("_id", session=session) == [1, 2]


PROJECT = """
    import pytest
    from pymongo.errors import OperationFailure

    @pytest.fixture(scope="session")
    def session(secantus_client):
        with secantus_client.start_session() as session:
            secantus_client.admin.command("ping", session=session)
            yield session

    def test_leaves_a_transaction_open(secantus_client, secantus_db, session):
        secantus_db.fruit.insert_one({"_id": "fig"})
        session.start_transaction()
        secantus_db.fruit.insert_one({"_id": "apple"}, session=session)

    def test_its_next_statement_says_so(secantus_client, secantus_db, session):
        EXPECTED
        session.abort_transaction() if session.in_transaction else None

    @pytest.mark.parametrize("number", range(3))
    def test_the_session_goes_on(secantus_client, secantus_db, session, number):
        def body(session):
            secantus_db.other.insert_one({"_id": 1}, session=session)
        session.with_transaction(body)
        assert secantus_db.other.count_documents({}, session=session) == 1
        secantus_db.other.delete_many({})
"""
ABORTED = """with pytest.raises(OperationFailure) as caught:
            session.commit_transaction()
        assert caught.value.code == 251
        assert caught.value.has_error_label("TransientTransactionError")
        assert secantus_db.fruit.count_documents({}) == 0"""
COMMITTED = """session.commit_transaction()
        assert secantus_db.fruit.count_documents({}) == 2"""


@pytest.mark.parametrize(("mode", "expected"), [("restore", ABORTED), ("namespace", ABORTED), ("none", COMMITTED)])
def test_a_transaction_left_open(project: Project, mode: str, expected: str) -> None:
    project.write(test_open=PROJECT.replace("EXPECTED", expected))
    project.passes(f"--secantus-isolation={mode}", passed=5)


def test_sessions_under_xdist(project: Project) -> None:
    project.write(test_open=PROJECT.replace("EXPECTED", ABORTED), test_more=PROJECT.replace("EXPECTED", ABORTED))
    project.run_apart("-n", "2", "--dist", "loadfile").assert_outcomes(passed=10)
