"""Tests of clients in the server's own process that use no sockets: what runs where, the limit, the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest

from secantus_server.net.direct import DirectConnection
from secantus_server.server import SecantusDBServer
from secantus_server.system._threads import get_ident
from secantus_server.wire.op_msg import build_op_msg


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", max_connections=2) as server:
        yield server


def connect(server: SecantusDBServer) -> DirectConnection:
    connection = server.connect_directly()
    assert connection is not None
    return connection


def run(connection: DirectConnection, **command: object) -> dict[str, object]:
    connection.send(build_op_msg({**command, "$db": "admin"}, 1, 0, 0))
    reply = connection.receive(30)
    assert reply is not None
    return dict(bson.decode(reply[21:]))


def test_a_command_runs_in_the_clients_thread(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    begin = server.services.operations.begin
    monkeypatch.setattr(server.services.operations, "begin", lambda *args: (threads.append(get_ident()), begin(*args))[1])
    connection = connect(server)
    assert run(connection, ping=1)["ok"] == 1
    connection.send(build_op_msg({"find": "things", "$db": "test"}, 2, 0, 0), is_limited=True)
    assert connection.receive(30) is not None
    assert [thread == get_ident() for thread in threads] == [True, False]


def test_a_connection_takes_turns_after_its_first_command(server: SecantusDBServer) -> None:
    connection = connect(server)
    assert connection._caller.is_new
    assert run(connection, hello=1)["ok"] == 1
    assert not connection._caller.is_new


def test_the_express_lane_runs_in_the_clients_thread(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, answered = connect(server), []
    answer = connection.connection.answer_express
    monkeypatch.setattr(
        connection.connection,
        "answer_express",
        lambda raw, push=None: (answered.append((answer(raw, push), get_ident())), answered[-1][0])[1],
    )
    assert insert(connection, 1, is_limited=False)["n"] == 1, "creates the collection"
    assert insert(connection, 1, is_limited=False)["n"] == 0, "a duplicate key, which the lane leaves to the general path"
    assert answered == [(True, get_ident()), (False, get_ident())]
    assert insert(connection, 3, is_limited=True)["n"] == 1
    assert len(answered) == 2, "answered by the loop of the server's thread"


FIND = {"find": "few", "batchSize": 1}
AGGREGATE = {"aggregate": "few", "pipeline": [], "cursor": {"batchSize": 1}}


@pytest.mark.parametrize(
    ("command", "in_loop"),
    [
        ({"getMore": FIND, "collection": "few"}, True),
        ({"getMore": AGGREGATE, "collection": "few"}, False),
        ({"count": "few", "query": {"x": 1}}, True),
        ({"count": "many", "query": {"x": 1}}, False),
        ({"insert": "many", "documents": [{}, {}]}, True),
        ({"aggregate": "view", "pipeline": [], "cursor": {}}, False),
        ({"aggregate": "few", "pipeline": [{"$unionWith": "many"}], "cursor": {}}, False),
        ({"aggregate": 1, "pipeline": [{"$documents": [{}]}], "cursor": {}}, True),
    ],
    ids=["getMore of find", "getMore of aggregate", "few", "many", "insert", "view", "another collection", "no collection"],
)
def test_an_event_loop_runs_only_short_commands(
    server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch, command: dict[str, Any], in_loop: bool
) -> None:
    connection, threads = connect(server), []
    for name, size in (("few", 3), ("many", 10_001)):
        assert run(connection, insert=name, documents=[{} for _ in range(size)])["n"] == size
    assert run(connection, create="view", viewOn="many", pipeline=[])["ok"] == 1
    if "getMore" in command:
        reply: Any = run(connection, **command["getMore"])
        command = {**command, "getMore": bson.Int64(reply["cursor"]["id"])}
    begin = server.services.operations.begin
    monkeypatch.setattr(server.services.operations, "begin", lambda *args: (threads.append(get_ident()), begin(*args))[1])
    connection.send(build_op_msg({**command, "$db": "admin"}, 2, 0, 0), in_loop=True)
    assert connection.receive(30) is not None
    assert [thread == get_ident() for thread in threads] == [in_loop]


def insert(connection: DirectConnection, number: int, *, is_limited: bool) -> dict[str, object]:
    connection.send(build_op_msg({"insert": "fruit", "documents": [{"_id": number}], "$db": "shop"}, 1, 0, 0), is_limited=is_limited)
    reply = connection.receive(30)
    assert reply is not None
    return dict(bson.decode(reply[21:]))


def test_bytes_that_are_no_message_end_the_connection(server: SecantusDBServer) -> None:
    connection = connect(server)
    connection.send(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(OSError, match="connection closed"):
        connection.receive(30)
    with pytest.raises(BrokenPipeError):
        connection.send(b"")


def test_a_client_beyond_the_limit_needs_a_socket(server: SecantusDBServer) -> None:
    first, second = connect(server), connect(server)
    assert server.connect_directly() is None
    first.close()
    second.close()


def test_connections_end_with_the_server(server: SecantusDBServer) -> None:
    connection = connect(server)
    assert run(connection, ping=1)["ok"] == 1
    services = server.services
    server.stop()
    assert connection.is_closed
    assert services.connections.all() == []
    assert server.connect_directly() is None


def test_a_command_within_another_one_of_its_thread(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finalizer interrupts a command that holds a lock, and sends a command that needs the lock. The wait for its reply must end."""
    monkeypatch.setattr("secantus_server.net.direct.NESTED_S", 0.2)
    monkeypatch.setattr("secantus_server.net.listener.NESTED_S", 0.2)
    outer = connect(server)
    answers: list[object] = []
    connections: list[DirectConnection] = []

    def finalize() -> None:
        with pytest.raises(OSError, match="in the middle of another one"), server.services.connections._lock:
            connect(server)
        server.services.connection_limit = 5
        connections.append(inner := connect(server))
        answers.append(run(inner, ping=1)["ok"])
        with pytest.raises(OSError, match="in the middle of another one"), server.services.catalog.change_lock:
            run(inner, create="things")
        answers.append(inner.is_closed)

    begin = server.services.operations.begin

    def begin_and_finalize(*args: object) -> object:
        operation = begin(*args)
        if operation.body.get("comment") == "outer":
            finalize()
        return operation

    monkeypatch.setattr(server.services.operations, "begin", begin_and_finalize)
    assert run(outer, ping=1, comment="outer")["ok"] == 1
    assert answers == [1, True]
    monkeypatch.undo()
    # The command has run after the outer command released its lock.
    connections[0].join(30)
    assert run(outer, listCollections=1)["cursor"]["firstBatch"][0]["name"] == "things"  # type: ignore[index]


def test_a_command_within_a_restore(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secantus_server.net.direct.NESTED_S", 0.2)
    connection = connect(server)
    with server.services.engine.exclusive(), pytest.raises(OSError, match="in the middle of another one"):
        run(connection, insert="things", documents=[{"_id": 1}])
    connection.join(30)
    assert run(connect(server), count="things")["n"] == 1
