"""``pytest --secantus``: an existing suite runs on our server, also in parallel, with every test isolated."""

from __future__ import annotations

import os

import pytest
from pymongo import MongoClient

from tests.plugin.project import Project

pytest_plugins = ["pytester"]


def test_the_environment_names_the_server(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URL", "mongodb://mine")
    monkeypatch.delenv("MONGODB_URI", raising=False)
    project.write(
        conftest="""
        import os
        from pymongo import MongoClient

        client = MongoClient(os.environ["MONGODB_URI"])
        """,
        test_it="""
        import os
        from conftest import client

        client.app.things.insert_one({"_id": "imported"})

        def test_variables(secantus_uri):
            assert {os.environ[name] for name in ("MONGODB_URI", "MONGO_URL", "MONGO_URI")} == {secantus_uri}

        def test_writes():
            client.app.things.insert_one({})

        def test_only_what_the_import_wrote():
            assert [thing["_id"] for thing in client.app.things.find()] == ["imported"]
        """,
    )
    result = project.passes("--secantus", passed=3)
    result.stdout.fnmatch_lines(["secantus: mongodb://127.0.0.1:*, storage in memory, isolation restore"])
    assert os.environ["MONGO_URL"] == "mongodb://mine"
    assert "MONGODB_URI" not in os.environ


def test_other_variables(project: Project) -> None:
    project.ini("secantus_env = DATABASE_URL", "addopts = --secantus")
    project.write(
        test_it="""
        import os

        def test_it(secantus_uri):
            assert os.environ["DATABASE_URL"] == secantus_uri
            assert os.environ.get("MONGODB_URI") != secantus_uri
        """
    )
    project.passes("--strict-config", passed=1)


LOCAL = """
    from pymongo import AsyncMongoClient, MongoClient

    clients = [MongoClient(), MongoClient("localhost", 27017), MongoClient("mongodb://root:secret@127.0.0.1:27017/app?replicaSet=rs0&authSource=admin")]

    def test_writes():
        for client in clients:
            assert client.app.things.count_documents({}) == 0
        clients[0].app.things.insert_one({})
        for client in clients:
            assert client.app.things.count_documents({}) == 1

    def test_nothing_is_left():
        for client in clients:
            assert client.app.things.count_documents({}) == 0

    def test_the_server_is_ours(secantus_server):
        for client in clients:
            assert client.address[1] == 27017
            assert client.admin.command("hello")["me"].endswith(f":{secantus_server.port}")
        assert clients[2].get_default_database().name == "app"
        assert not any(MongoClient("elsewhere", connect=False).nodes)
"""


def test_clients_of_a_local_server_are_redirected(project: Project) -> None:
    project.ini("secantus_redirect = localhost:27017")
    project.write(test_it=LOCAL)
    before = MongoClient.__init__
    project.passes("--secantus", passed=3)
    assert MongoClient.__init__ is before


def test_without_the_option_nothing_is_redirected(project: Project) -> None:
    project.ini("secantus_redirect = localhost:27017")
    project.write(
        test_it="""
        import os
        from pymongo import MongoClient

        def test_it(secantus_uri):
            assert MongoClient(connect=False)._seeds == {("localhost", 27017)}
            assert secantus_uri not in os.environ.values()
        """
    )
    project.passes(passed=1)


def test_a_fixture_that_uses_none_of_ours_is_layered(project: Project) -> None:
    project.write(
        conftest="""
        import os
        import pytest
        from pymongo import MongoClient

        @pytest.fixture(scope="session")
        def things():
            client = MongoClient(os.environ["MONGODB_URI"])
            client.app.things.insert_one({"_id": "session"})
            yield client.app.things
            client.close()

        @pytest.fixture(scope="module")
        def more(things):
            things.insert_one({"_id": "module"})
            yield
            things.delete_one({"_id": "module"})
        """,
        test_one="""
        def test_one(things, more):
            assert things.count_documents({}) == 2
            things.drop()

        def test_two(things):
            assert things.count_documents({}) == 2
        """,
        test_two="""
        def test_three(things):
            assert [thing["_id"] for thing in things.find()] == ["session"]
        """,
    )
    project.passes("--secantus", passed=3)


def test_help_and_version_start_nothing(project: Project) -> None:
    project.write(conftest="import os; assert 'MONGODB_URI' not in os.environ")
    result = project.run("--secantus", "--help")
    result.stdout.fnmatch_lines(["*--secantus-isolation=MODE*"])
    assert result.ret == 0


PARALLEL = """
    import os
    import pytest
    from pymongo import MongoClient

    client = MongoClient("localhost", 27017)

    @pytest.mark.parametrize("number", range(20))
    def test_alone(number):
        things = client.app.things
        assert things.count_documents({}) == 0
        things.insert_many([{"_id": n} for n in range(50)])
        assert things.count_documents({}) == 50
        with open(os.environ["SEEN"], "a") as seen:
            print(client.admin.command("hello")["me"], file=seen)
"""


def test_in_parallel(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xdist")
    seen = project.pytester.path / "seen"
    monkeypatch.setenv("SEEN", str(seen))
    project.ini("secantus_redirect = localhost:27017", "addopts = --strict-markers --strict-config")
    project.write(test_one=PARALLEL, test_two=PARALLEL)
    result = project.run_apart("--secantus", "-n", "2")
    result.assert_outcomes(passed=40)
    result.stdout.fnmatch_lines(["secantus: a server per worker*"])
    assert len(set(seen.read_text().split())) == 2
