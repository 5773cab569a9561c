"""The Unix domain socket of a server."""

from __future__ import annotations

import socket
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from secantus_server.net.listener import ListenError
from secantus_server.server import SecantusDBServer
from tests.waiting import threads_of_connections, wait_until


def server_in(folder: Path, **settings: Any) -> SecantusDBServer:
    return SecantusDBServer(port=0, storage_path=":memory:", log_level="error", unix_socket_prefix=str(folder), **settings)


def client_of(server: SecantusDBServer, folder: Path, **options: Any) -> MongoClient[dict[str, Any]]:
    path = folder / f"mongodb-{server.port}.sock"
    return MongoClient(f"mongodb://{quote_plus(str(path))}", directConnection=True, serverSelectionTimeoutMS=2000, **options)


def test_clients_connect_through_it(tmp_path: Path) -> None:
    with server_in(tmp_path) as server, client_of(server, tmp_path) as client, MongoClient[dict[str, Any]](server.uri) as other:
        client.test.c.insert_many([{"_id": number, "text": "x" * 100_000} for number in range(20)])
        assert other.test.c.count_documents({}) == 20
        assert sum(len(document["text"]) for document in client.test.c.find()) == 2_000_000
        assert client.admin.command("whatsmyuri")["you"] == "anonymous unix socket:0"


def test_only_the_user_of_the_server_can_connect_and_the_end_removes_it(tmp_path: Path) -> None:
    with server_in(tmp_path) as server:
        path = tmp_path / f"mongodb-{server.port}.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ServerSelectionTimeoutError), client_of(server, tmp_path) as client:
        client.admin.command("ping")


def test_the_log_names_it(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    with SecantusDBServer(port=0, storage_path=":memory:", log_file=str(log_file), unix_socket_prefix=str(tmp_path)) as server:
        path = tmp_path / f"mongodb-{server.port}.sock"
    assert f"listening on {path}\n" in log_file.read_text()


def test_there_is_none_by_default() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        assert not Path("/tmp", f"mongodb-{server.port}.sock").exists()


def test_the_stop_ends_its_connections(tmp_path: Path) -> None:
    before = threads_of_connections()
    with server_in(tmp_path) as server, socket.socket(socket.AF_UNIX) as idle:
        idle.settimeout(20)
        idle.connect(str(tmp_path / f"mongodb-{server.port}.sock"))
        wait_until(lambda: threads_of_connections(before), "the connection is not accepted")
        server.stop()
        assert idle.recv(1) == b""


def test_a_socket_that_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    with server_in(tmp_path) as server:
        port = server.port
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / f"mongodb-{port}.sock"))
        left.listen()
    with (
        SecantusDBServer(port=port, storage_path=":memory:", unix_socket_prefix=str(tmp_path)) as again,
        client_of(again, tmp_path) as client,
    ):
        assert client.admin.command("ping")["ok"] == 1


def test_a_socket_with_a_listener_and_a_file_are_kept(tmp_path: Path) -> None:
    with server_in(tmp_path) as server:
        port = server.port
    path = tmp_path / f"mongodb-{port}.sock"
    again = SecantusDBServer(port=port, storage_path=":memory:", unix_socket_prefix=str(tmp_path))
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ListenError, match="Address already in use"):
            again.start()
    path.unlink()
    path.write_text("kept")
    with pytest.raises(ListenError, match="Address already in use"):
        again.start()
    assert path.read_text() == "kept"


@pytest.mark.parametrize(("folder", "reason"), [("absent", "No such file or directory"), ("x" * 120, "path too long")])
def test_a_path_that_cannot_be_used(tmp_path: Path, folder: str, reason: str) -> None:
    with pytest.raises(ListenError, match=reason):
        server_in(tmp_path / folder).start()


def test_logins_the_first_user_and_restrictions(tmp_path: Path) -> None:
    with server_in(tmp_path, require_auth=True) as server:
        with client_of(server, tmp_path) as client:
            client.admin.command("createUser", "root", pwd="r", roles=["root"])
        with client_of(server, tmp_path, username="root", password="r") as client:
            restriction = [{"clientSource": ["127.0.0.1"]}]
            client.admin.command("createUser", "far", pwd="f", roles=["root"], authenticationRestrictions=restriction)
        with (
            pytest.raises(OperationFailure, match="Authentication failed"),
            client_of(server, tmp_path, username="far", password="f") as client,
        ):
            client.admin.command("ping")
