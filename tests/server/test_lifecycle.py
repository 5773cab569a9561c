"""Start, stop and restart of a server."""

from __future__ import annotations

import gc
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.net.listener import ListenError, advertised_address, reachable_address
from secantus_server.server import SecantusDBServer
from secantus_server.settings import Settings, SettingsError
from secantus_server.storage import StorageError
from tests.net.raw_client import RawClient, connected
from tests.waiting import threads_of_connections, wait_until
from tests.wire.messages import command


def memory_server(**settings: Any) -> SecantusDBServer:
    return SecantusDBServer(**{"port": 0, "storage_path": ":memory:", "log_level": "error", **settings})


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with memory_server() as running:
        yield running


def client_of(server: SecantusDBServer) -> MongoClient[dict[str, Any]]:
    return MongoClient(server.uri, serverSelectionTimeoutMS=5000)


def test_a_context_manager() -> None:
    with memory_server() as server, client_of(server) as client:
        assert server.port > 0
        assert server.uri == f"mongodb://127.0.0.1:{server.port}/?directConnection=true"
        assert client.admin.command("ping")["ok"] == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=2)


def test_two_servers_have_ports_and_data_of_their_own() -> None:
    with memory_server() as one, memory_server() as two, client_of(one) as first, client_of(two) as second:
        assert one.port != two.port
        first.test.c.insert_one({})
        assert second.test.c.count_documents({}) == 0


def test_connections_wait_for_the_client_whatever_timeout_the_suite_gives_new_sockets() -> None:
    socket.setdefaulttimeout(0.05)
    try:
        with memory_server() as server, socket.create_connection(("127.0.0.1", server.port), timeout=0.3) as idle:
            with pytest.raises(TimeoutError):
                idle.recv(1)
            with client_of(server) as client:
                assert client.admin.command("ping")["ok"] == 1
    finally:
        socket.setdefaulttimeout(None)


def test_stop_twice_and_start_again() -> None:
    server = memory_server()
    server.stop()
    for _ in range(3):
        assert server.start() is server
        with client_of(server) as client:
            assert client.test.c.count_documents({}) == 0
            client.test.c.insert_one({})
        server.stop()
        server.stop()


def test_start_twice_is_an_error(server: SecantusDBServer) -> None:
    with pytest.raises(RuntimeError, match="the server is running already"):
        server.start()


def test_what_needs_a_running_server_says_so() -> None:
    server = memory_server()
    for action in (lambda: server.services, server.snapshot):
        with pytest.raises(RuntimeError, match="call start"):
            action()


def test_wait_ends_with_stop_and_with_the_shutdown_command() -> None:
    for end in (lambda server: server.stop(), lambda server: RawClient(server).run({"shutdown": 1, "$db": "admin"})):
        with memory_server() as server:
            waiting = threading.Thread(target=server.wait)
            waiting.start()
            end(server)
            waiting.join(10)
            assert not waiting.is_alive()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_hosts(host: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with (
        memory_server(host=host) as server,
        client_of(server) as client,
        MongoClient(server.uri.split("?")[0], replicaSet="secantus") as member,
    ):
        assert client.admin.command("hello")["me"] == reachable_address(host, server.port)
        assert member.admin.command("ping")["ok"] == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "127.0.0.1:5"), ("0.0.0.0", "127.0.0.1:5"), ("::", "[::1]:5"), ("fe80::1", "[fe80::1]:5"), ("name", "name:5")],
)
def test_the_address_for_clients(host: str, expected: str) -> None:
    assert reachable_address(host, 5) == expected


@pytest.mark.parametrize(
    ("advertised", "expected"),
    [("", "127.0.0.1:5"), ("db.example", "db.example:5"), ("db.example:9", "db.example:9"), ("::1", "[::1]:5"), ("[::1]", "[::1]:5"),
     ("[::1]:9", "[::1]:9"), ("10.0.0.1", "10.0.0.1:5")],
)  # fmt: skip
def test_the_advertised_address(advertised: str, expected: str) -> None:
    assert advertised_address(Settings(host="0.0.0.0", advertised_host=advertised), 5) == expected


@pytest.mark.parametrize(
    "advertised", ["a b", "a:b", "a:", ":1", "mongodb://a", "[::1", "[::1]:x", "a:0", "a:65536", "[::1]:65536", "a,b", "u@a"]
)
def test_what_cannot_be_advertised(advertised: str) -> None:
    with pytest.raises(SettingsError, match="advertised_host must be a host name"):
        memory_server(advertised_host=advertised)


def test_drivers_discover_the_advertised_host() -> None:
    with memory_server(host="0.0.0.0", advertised_host="localhost") as server, client_of(server) as client:
        hello = client.admin.command("hello")
        assert hello["hosts"] == [hello["me"]] == [hello["primary"]] == [f"localhost:{server.port}"]
        with MongoClient(f"mongodb://127.0.0.1:{server.port}", replicaSet="secantus") as member:
            assert member.admin.command("ping")["ok"] == 1
            assert member.address == ("localhost", server.port)


def test_a_port_that_is_taken(server: SecantusDBServer) -> None:
    with pytest.raises(
        ListenError, match=rf"^Port {server.port} of 127.0.0.1 is in use by another process; choose another port, or 0 for a free one.$"
    ):
        memory_server(port=server.port).start()


@pytest.mark.parametrize(
    ("host", "text"),
    [("no-such-host.invalid", "cannot be resolved"), ("203.0.113.7", "Cannot listen on 203.0.113.7"), ("x" * 70, "cannot be resolved")],
)
def test_a_host_that_cannot_be(host: str, text: str) -> None:
    with pytest.raises(ListenError, match=text):
        memory_server(host=host).start()


def test_a_setting_that_is_none() -> None:
    with pytest.raises(SettingsError, match="unknown setting 'cache_size'; did you mean 'cache_size_mb'"):
        memory_server(cache_size=5)


def test_a_failed_start_leaves_the_directory_free(tmp_path: Path, server: SecantusDBServer) -> None:
    failing = SecantusDBServer(port=server.port, storage_path=str(tmp_path))
    with pytest.raises(ListenError):
        failing.start()
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error"):
        pass


# ---------------------------------------------------------------- a directory


def test_a_directory_opens_again_with_everything_in_it(tmp_path: Path) -> None:
    for turn in range(3):
        with (
            SecantusDBServer(port=0, storage_path=str(tmp_path / "deep" / "data"), log_level="error") as server,
            client_of(server) as client,
        ):
            database = client.test
            if turn == 0:
                database.c.create_index([("a", 1)], unique=True)
                database.c.create_index([("b", -1)], name="sparse", sparse=True)
                database.c.insert_many({"_id": number, "a": number, "b": [number, -number]} for number in range(500))
                database.create_collection("v", viewOn="c", pipeline=[{"$match": {"a": {"$lt": 5}}}])
                database.create_collection("capped", capped=True, size=4096, max=3)
                database.create_collection("checked", validator={"a": {"$type": "int"}})
            assert sorted(database.list_collection_names()) == ["c", "capped", "checked", "system.views", "v"]
            assert set(database.c.index_information()) == {"_id_", "a_1", "sparse"}
            assert database.c.index_information()["a_1"]["unique"] is True
            assert database.c.count_documents({}) == 500
            assert database.v.count_documents({}) == 5
            assert [document["_id"] for document in database.c.find({"b": -7})] == [7]
            assert database.command("listCollections", filter={"name": "checked"})["cursor"]["firstBatch"][0]["options"]["validator"] == {
                "a": {"$type": "int"}
            }
            database.capped.insert_many({"turn": turn, "n": n} for n in range(2))
            expected = [(0, 0), (0, 1)] if turn == 0 else [(turn - 1, 1), (turn, 0), (turn, 1)]
            assert [(document["turn"], document["n"]) for document in database.capped.find()] == expected


def test_a_directory_that_this_process_has_open(tmp_path: Path) -> None:
    with (
        SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error"),
        pytest.raises(StorageError, match="The storage directory is in use by another server"),
    ):
        SecantusDBServer(port=0, storage_path=str(tmp_path)).start()


def test_a_path_that_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    for path_of_file in (path, path / "below"):
        with pytest.raises(StorageError, match=r"The storage directory .*cannot be created"):
            SecantusDBServer(port=0, storage_path=str(path_of_file)).start()


# ---------------------------------------------------------------- stopping


def with_idle_connections(server: SecantusDBServer) -> list[RawClient]:
    clients = [RawClient(server) for _ in range(30)]
    for client in clients:
        client.run({"ping": 1})
    return clients


def with_awaiting_hellos(server: SecantusDBServer) -> list[RawClient]:
    clients = [RawClient(server) for _ in range(5)]
    for client in clients:
        version = client.run({"hello": 1, "$db": "admin"})["topologyVersion"]
        client.send(command({"hello": 1, "$db": "admin", "topologyVersion": version, "maxAwaitTimeMS": 60_000}))
    wait_until(lambda: len(server.services.operations.all()) == 5, "the hellos do not wait")
    return clients


def with_an_awaiting_cursor(server: SecantusDBServer) -> list[RawClient]:
    client = RawClient(server)
    client.run({"create": "tail", "capped": True, "size": 4096})
    client.run({"insert": "tail", "documents": [{"_id": 1}]})
    cursor = client.run({"find": "tail", "tailable": True, "awaitData": True})["cursor"]["id"]
    client.send(command({"getMore": Int64(cursor), "collection": "tail", "maxTimeMS": 60_000}))
    wait_until(lambda: server.services.operations.all(), "the getMore does not wait")
    return [client]


def with_a_running_count(server: SecantusDBServer) -> list[RawClient]:
    client = RawClient(server)
    for start in range(0, 100_000, 50_000):
        client.run({"insert": "many", "documents": [{"_id": start + number, "a": number % 7} for number in range(50_000)]})
    client.send(
        command(
            {
                "aggregate": "many",
                "pipeline": [{"$lookup": {"from": "many", "localField": "a", "foreignField": "b", "as": "x"}}],
                "cursor": {},
            }
        )
    )
    wait_until(lambda: server.services.operations.all(), "nothing runs")
    return [client]


@pytest.mark.parametrize("situation", [with_idle_connections, with_awaiting_hellos, with_an_awaiting_cursor, with_a_running_count])
def test_stop_wakes_whatever_waits(situation: Any) -> None:
    """The time it takes is measured by the benchmarks; this test only checks that it ends."""
    others = threads_of_connections()
    server = memory_server().start()
    clients = situation(server)
    server.stop()
    assert not threads_of_connections(others)
    for client in clients:
        client.close()


def test_stop_while_clients_come_and_go() -> None:
    others = threads_of_connections()
    server = memory_server().start()
    port, stopped = server.port, threading.Event()

    def come_and_go() -> None:
        while not stopped.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
                    sock.sendall(command({"insert": "c", "documents": [{}]}))
                    sock.recv(100)
            except OSError:
                continue

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: server.services.counters.value("connectionsEnded") > 50, "no connections")
    server.stop()
    stopped.set()
    for thread in threads:
        thread.join()
    assert not threads_of_connections(others)


def test_the_child_of_a_fork_cannot_disturb_the_server(server: SecantusDBServer) -> None:
    with client_of(server) as client:
        client.test.c.insert_one({"_id": 1})
        process = multiprocessing.get_context("fork").Process(target=stop_in_a_child, args=(server,))
        process.start()
        process.join(20)
        assert process.exitcode == 0
        client.test.c.insert_one({"_id": 2})
    with client_of(server) as client:
        assert client.test.c.count_documents({}) == 2


def stop_in_a_child(server: SecantusDBServer) -> None:
    """Do what a test runner may do in a child process: use the copy of the server, stop it, and drop it."""
    with pytest.raises(RuntimeError, match="not running in this fork"):
        server.snapshot()
    server.stop()
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as own, client_of(own) as client:
        client.test.c.insert_one({})
    gc.collect()


def test_a_command_too_large_for_the_cache_is_told_so_and_changes_nothing(tmp_path: Path) -> None:
    with memory_server(storage_path=str(tmp_path / "data"), cache_size_mb=8) as server, client_of(server) as client:
        for start in range(0, 30_000, 10_000):
            client.test.c.insert_many([{"_id": number, "x": 0, "s": "x" * 100} for number in range(start, start + 10_000)])
        with pytest.raises(OperationFailure) as caught:
            client.test.c.aggregate([{"$out": "d"}])
        assert caught.value.code == 388
        assert client.test.list_collection_names() == ["c"]
        # An update of many documents is written in several transactions.
        assert client.test.c.update_many({}, {"$inc": {"x": 1}}).modified_count == 30_000
        assert client.test.c.count_documents({"x": 1}) == 30_000
        assert client.test.c.update_one({"_id": 1}, {"$inc": {"x": 1}}).modified_count == 1


def test_many_waiting_streams_get_the_error_of_the_shutdown() -> None:
    server = memory_server()
    server.start()
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(60)]
        for client in clients:
            cursor = client.run({"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}, "$db": "d"})["cursor"]["id"]
            client.send(command({"getMore": Int64(cursor), "collection": "c", "maxTimeMS": 60_000, "$db": "d"}))
        wait_until(lambda: len(server.services.operations.all()) == len(clients), "not every getMore waits")
        server.stop()
        assert [client.receive()[2]["code"] for client in clients] == [11600] * len(clients)


@pytest.mark.parametrize("name", ["restore", "release", "renew", "is_unchanged", "written_since", "set_aside", "put_back", "differences"])
def test_an_argument_that_is_no_snapshot(server: SecantusDBServer, name: str) -> None:
    with pytest.raises(TypeError, match=r"^5 is not a (snapshot: pass one that snapshot\(\) has returned|result of set_aside\(\))$"):
        getattr(server, name)(5)
