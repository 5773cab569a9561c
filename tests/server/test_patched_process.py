"""A server in a process patched by a tool: gevent, eventlet, freezegun, time-machine, pytest-socket."""

from __future__ import annotations

import datetime
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pymongo import CursorType, MongoClient

from secantus_server.server import SecantusDBServer
from tests.waiting import wait_until
from tests.wire.messages import command

WORK = """
from pymongo import MongoClient
with MongoClient(server.uri, serverSelectionTimeoutMS=20000) as client:
    run_all([lambda n=n: client.shop.sales.insert_one({"_id": n}) for n in range(5)])
    with server.checkpoint():
        run_all([client.shop.sales.drop, lambda: client.shop.other.insert_one({})])
    list(client.shop.sales.aggregate([{"$out": "copy"}]))
    print(client.shop.copy.count_documents({}), client.shop.list_collection_names(filter={"name": "other"}))
"""
TOOLS = {
    "gevent": """
        from gevent import monkey; monkey.patch_all()
        import gevent
        def run_all(jobs): gevent.joinall([gevent.spawn(job) for job in jobs], raise_error=True)
    """,
    "eventlet": """
        import eventlet; eventlet.monkey_patch()
        def run_all(jobs): [one.wait() for one in [eventlet.spawn(job) for job in jobs]]
    """,
}
START = """
from secantus_server import SecantusDBServer
server = SecantusDBServer(port=0, storage_path=":memory:").start()
"""


@pytest.mark.parametrize("order", ["patched first", "patched while it runs"])
@pytest.mark.parametrize("tool", TOOLS)
def test_a_cooperative_process(tool: str, order: str) -> None:
    pytest.importorskip(tool)
    patch = textwrap.dedent(TOOLS[tool])
    parts = [patch, START] if order == "patched first" else [START, patch]
    script = "\n".join([*parts, WORK, "server.stop()"])
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "5 []\n"), done.stderr


def freeze(tool: str, moment: datetime.datetime) -> AbstractContextManager[Any]:
    """Return a context manager that freezes the time of this process."""
    if tool == "freezegun":
        travel: AbstractContextManager[Any] = pytest.importorskip(tool).freeze_time(moment)
    else:
        travel = pytest.importorskip(tool).travel(moment, tick=False)
    return travel


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture
def client() -> Iterator[MongoClient[dict[str, Any]]]:
    with SecantusDBServer(port=0, storage_path=":memory:", ttl_interval_s=1) as server, MongoClient(server.uri) as client:
        yield client


@pytest.mark.parametrize("tool", ["freezegun", "time_machine"])
def test_time_goes_on_in_the_server(client: MongoClient[dict[str, Any]], tool: str) -> None:
    db = client.shop
    db.create_collection("news", capped=True, size=4096)
    db.news.insert_one({"_id": 1})
    with freeze(tool, datetime.datetime(2020, 2, 1, tzinfo=datetime.timezone.utc)):
        cursor = db.news.find(cursor_type=CursorType.TAILABLE_AWAIT).max_await_time_ms(20)
        assert [next(cursor), next(cursor, None)] == [{"_id": 1}, None]
        db.notes.update_one({"_id": 1}, {"$currentDate": {"changed": True}}, upsert=True)
        db.notes.update_one({"_id": 1}, [{"$set": {"now": "$$NOW", "zoned": {"$hour": {"date": "$$NOW", "timezone": "Europe/Paris"}}}}])
        upserted = db.notes.update_one({"name": "new"}, {"$set": {"n": 1}}, upsert=True).upserted_id
    note = db.notes.find_one({"_id": 1})
    assert note is not None
    day = datetime.timedelta(days=1)
    written = [note[name].replace(tzinfo=datetime.timezone.utc) for name in ("changed", "now")]
    assert [abs(one - now()) < day for one in [*written, upserted.generation_time]] == [True] * 3


@pytest.mark.parametrize("tool", ["freezegun", "time_machine"])
def test_nothing_expires_because_a_test_pretends_that_it_is_tomorrow(client: MongoClient[dict[str, Any]], tool: str) -> None:
    holds = client.shop.holds
    holds.create_index("until", expireAfterSeconds=0)
    holds.insert_many([{"until": now() + datetime.timedelta(hours=1)}, {"until": now() - datetime.timedelta(hours=1)}])
    with freeze(tool, now() + datetime.timedelta(days=1)):
        # The TTL pass has run when the second document has been deleted.
        wait_until(lambda: holds.count_documents({}) < 2, "nothing expires")
        assert holds.count_documents({}) == 1


def test_a_server_that_starts_in_a_frozen_test() -> None:
    script = f"""
        import datetime
        with freezegun.freeze_time("2020-02-01"):
            {START.strip().replace(chr(10), chr(10) + " " * 12)}
            from pymongo import MongoClient
            with MongoClient(server.uri) as client:
                year = client.admin.command("hello")["localTime"].year
                client.shop.sales.insert_one({{}})
            server.stop()
        print(year >= 2024)
    """
    pytest.importorskip("freezegun")
    text = "import freezegun\n" + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_sockets_that_are_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def __new__(cls, *args: object, **kwargs: object) -> Forbidden:
            raise RuntimeError("sockets are forbidden")

    with socket.socket() as client:
        monkeypatch.setattr(socket, "socket", Forbidden)
        with SecantusDBServer(port=0, storage_path=":memory:") as server:
            client.settimeout(20)
            client.connect(("127.0.0.1", server.port))
            client.sendall(command({"ping": 1, "$db": "admin"}))
            assert b"ok" in client.recv(1000)


def test_functions_of_the_system_that_a_test_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        monkeypatch.setattr("os.listdir", lambda path: ["a file"])
        monkeypatch.setattr("os.urandom", lambda size: b"\0" * size)
        assert client.admin.command("ping")["ok"] == 1
        with MongoClient(server.uri) as another:
            assert another.admin.command("ping")["ok"] == 1


def test_a_process_that_changes_its_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with SecantusDBServer(port=0, storage_path="data") as server, MongoClient(server.uri) as client:
        monkeypatch.chdir("elsewhere")
        client.shop.fruit.insert_many([{"blob": "x" * 100_000} for _ in range(50)])
        server.services.engine.checkpoint()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "data")) as server, MongoClient(server.uri) as client:
        assert client.shop.fruit.count_documents({}) == 50
