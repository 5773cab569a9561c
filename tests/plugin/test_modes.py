"""The other isolation modes: a namespace per test, none, and an external server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from pytest_secantus.xdist import default_base
from secantus_server.server import SecantusDBServer
from tests.plugin.project import Project

pytest_plugins = ["pytester"]


def test_namespace(project: Project) -> None:
    project.ini("secantus_isolation = namespace")
    project.write(
        test_it="""
        names = []

        def test_one(secantus_db, secantus_client):
            secantus_db.things.insert_one({})
            secantus_client.shared.things.insert_one({})
            names.append(secantus_db.name)

        def test_two(secantus_db, secantus_client, secantus_async_db):
            assert secantus_db.name not in names
            assert secantus_async_db.name == secantus_db.name
            assert secantus_db.list_collection_names() == []
            assert secantus_client.list_database_names().count(names[0]) == 0
            assert secantus_client.shared.things.count_documents({}) == 1
        """
    )
    project.passes(passed=2).stdout.fnmatch_lines(["secantus: *isolation namespace"])


def test_none(project: Project) -> None:
    project.ini("secantus_isolation = restore")
    project.write(
        test_it="""
        def test_one(secantus_db):
            secantus_db.things.insert_one({})

        def test_two(secantus_db, secantus_server):
            assert secantus_db.things.count_documents({}) == 1
            with secantus_server.checkpoint():
                secantus_db.things.drop()
            assert secantus_db.things.count_documents({}) == 1
        """
    )
    project.passes("--secantus-isolation=none", passed=2)


@pytest.fixture
def external() -> Iterator[SecantusDBServer]:
    """An external server with data that the plugin must not touch."""
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, client_of(server) as client:
        client.precious.things.insert_one({"_id": 1})
        client.secantus_test.things.insert_one({"_id": 1})
        yield server
        assert contents(client) == {"precious": 1, "secantus_test": 1}


def client_of(server: SecantusDBServer) -> MongoClient[dict[str, Any]]:
    return MongoClient(server.uri)


def contents(client: MongoClient[dict[str, Any]]) -> dict[str, int]:
    """Return the number of documents in `things` for each database."""
    names = [name for name in client.list_database_names() if name not in {"admin", "config", "local"}]
    return {name: client[name].things.count_documents({}) for name in names}


EXTERNAL = """
    import pytest

    def test_one(secantus_db, secantus_uri):
        assert secantus_db.things.count_documents({}) == 0
        secantus_db.things.insert_one({})
        assert secantus_uri == URI

    def test_two(secantus_db, secantus_server):
        assert secantus_db.things.count_documents({}) == 0
        assert str(secantus_server.port) in URI
        for ask in (secantus_server.snapshot, secantus_server.checkpoint):
            with pytest.raises(RuntimeError, match="snapshots are not available with secantus_uri"):
                ask()
"""


def test_an_external_server(project: Project, external: SecantusDBServer) -> None:
    project.write(test_it=EXTERNAL.replace("URI", repr(external.uri)))
    result = project.passes("--secantus-uri", external.uri, passed=2)
    result.stdout.fnmatch_lines([f"secantus: {external.uri}, isolation namespace"])


def test_an_external_server_for_a_suite(project: Project, external: SecantusDBServer) -> None:
    project.write(
        test_it="""
        import os
        from pymongo import MongoClient

        def test_it(secantus_db):
            secantus_db.things.insert_one({})
            with MongoClient(os.environ["MONGODB_URI"]) as client:
                assert client.precious.things.count_documents({}) == 1
        """
    )
    project.passes("--secantus", "--secantus-uri", external.uri, passed=1)


def test_databases_of_a_killed_run_are_dropped_by_the_next(project: Project, external: SecantusDBServer) -> None:
    project.write(
        test_it="""
        import os, signal

        def test_dies(secantus_db):
            secantus_db.things.insert_one({})
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        test_next="def test_next(secantus_db): pass",
    )
    assert project.run_apart("--secantus-uri", external.uri, "test_it.py").ret == -signal.SIGKILL
    with client_of(external) as client:
        assert len(contents(client)) == 3
        project.passes("--secantus-uri", external.uri, "test_next.py", passed=1)
        assert len(contents(client)) == 2


def test_storage_in_a_directory(project: Project) -> None:
    project.ini("secantus_storage = data")
    project.write(
        test_it="""
        import pathlib

        def test_one(secantus_db):
            secantus_db.things.insert_one({})
            assert list(pathlib.Path("data").glob("run-*/main-*-data/WiredTiger"))

        def test_two(secantus_db):
            assert secantus_db.things.count_documents({}) == 0
        """
    )
    result = project.passes(passed=2)
    result.stdout.fnmatch_lines(["secantus: *storage */data, isolation restore"])
    assert [path.name for path in (project.pytester.path / "data").iterdir()] == ["sweep.lock"]


def test_a_killed_run_in_a_directory_is_swept_up_after(project: Project) -> None:
    project.ini("secantus_storage = data")
    project.write(
        test_it="""
        import os, signal

        def test_dies(secantus_db):
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        test_next="def test_next(secantus_db): pass",
    )
    assert project.run_apart("test_it.py").ret == -signal.SIGKILL
    assert list((project.pytester.path / "data").glob("run-*"))
    project.passes("test_next.py", passed=1)
    assert not list((project.pytester.path / "data").glob("run-*"))


def test_a_run_in_memory_leaves_no_directory(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    project.write(test_it="def test_it(secantus_db): secantus_db.things.insert_one({})")
    project.passes(passed=1)
    assert not default_base().exists()
    assert os.environ["TMPDIR"] in str(default_base())
