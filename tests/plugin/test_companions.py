"""Other pytest plugins: forks, threads, timeouts, other event loops. Each test is skipped if its plugin is not installed."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

FORKED = """
    import os
    import pytest
    from pymongo import MongoClient

    def fill(database):
        database.seeded.insert_one({"_id": 1})

    def test_without_a_database():
        pass

    @pytest.mark.parametrize("run", [1, 2])
    def test_ours(run, secantus_db):
        assert secantus_db.list_collection_names() == []
        secantus_db.things.insert_one({})

    @pytest.mark.parametrize("run", [1, 2])
    def test_own_client(run, secantus_uri):
        with MongoClient(secantus_uri) as client:
            assert client.app.things.count_documents({}) == 0
            client.app.things.insert_one({})

    @pytest.mark.secantus_seed([fill])
    def test_seed(secantus_db):
        assert secantus_db.seeded.count_documents({}) == 1

    def test_no_seed(secantus_db):
        assert secantus_db.seeded.count_documents({}) == 0
"""


@pytest.fixture
def forking(project: Project) -> Project:
    """A project whose tests pytest-forked can run. Some of its versions do not work with some versions of pytest."""
    pytest.importorskip("pytest_forked")
    project.write(test_probe="def test_probe(): pass")
    if project.run_apart("--forked", "-p", "no:secantus").ret != pytest.ExitCode.OK:
        pytest.skip("this pytest-forked does not work with this pytest")
    (project.pytester.path / "test_probe.py").unlink()
    return project


@pytest.mark.parametrize("arguments", [(), ("--secantus",), ("--secantus", "--secantus-storage=data")])
def test_tests_in_forks(forking: Project, arguments: tuple[str, ...]) -> None:
    forking.write(test_it=FORKED)
    forking.run_apart("--forked", *arguments).assert_outcomes(passed=7)


def test_some_tests_in_forks(forking: Project) -> None:
    forking.write(
        test_it="""
        import pytest

        def test_before(secantus_db):
            secantus_db.things.insert_one({})

        @pytest.mark.forked
        @pytest.mark.parametrize("run", [1, 2])
        def test_fork(run, secantus_db):
            assert secantus_db.things.count_documents({}) == 0
            secantus_db.things.insert_one({})

        def test_after(secantus_db):
            assert secantus_db.things.count_documents({}) == 0
        """
    )
    forking.run_apart().assert_outcomes(passed=4)


def test_a_fork_has_no_snapshots(forking: Project) -> None:
    forking.write(
        test_it="""
        def test_it(secantus_server):
            with secantus_server.checkpoint():
                pass
        """
    )
    result = forking.run_apart("--secantus", "--forked", "--secantus-process=no")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the server is not running in this fork of its process; with pytest, use secantus_process = yes*"])


def test_threads_share_a_database(project: Project) -> None:
    pytest.importorskip("pytest_run_parallel")
    project.write(
        test_it="""
        import pytest

        def test_one(secantus_db):
            assert secantus_db.things.count_documents({}) == 0
            secantus_db.things.insert_one({"_id": 1})

        def test_without(num_parallel_threads):
            assert num_parallel_threads == 3

        @pytest.mark.force_parallel_threads(4)
        def test_asked_for(secantus_db, thread_index):
            secantus_db.things.insert_one({"_id": thread_index})
        """
    )
    result = project.run_apart("--parallel-threads=3", "-v", "-p", "no:asyncio")
    result.stdout.fnmatch_lines(["*test_one*: all threads of a test would share one Secantus database", "*3 passed*"])
    project.run_apart("--iterations=2", "-p", "no:asyncio", "-k", "one").assert_outcomes(passed=1, deselected=2)


@pytest.mark.parametrize("asked", ["secantus_db", "request"])
def test_a_timeout_while_the_server_starts(project: Project, asked: str) -> None:
    pytest.importorskip("pytest_timeout")
    project.write(
        conftest="""
        import threading
        from pytest_secantus.child import ChildServer
        from secantus_server.server import SecantusDBServer

        starts = []

        def hanging_once(start):
            def begin(server):
                starts.append(1)
                if len(starts) == 1:
                    threading.Event().wait(60)
                return start(server)
            return begin

        for kind in (SecantusDBServer, ChildServer):
            kind.start = hanging_once(kind.start)
        """,
        test_it=f"""
        import pytest

        @pytest.fixture
        def database({asked}):
            return request.getfixturevalue("secantus_db") if "{asked}" == "request" else secantus_db

        def test_first(database):
            database.things.insert_one({{}})

        def test_second(database):
            assert database.things.count_documents({{}}) == 0
        """,
    )
    result = project.run_apart("--timeout=4", "--timeout-method=signal")
    result.assert_outcomes(passed=1, errors=1)


TRIO = "*secantus_async_client: pymongo's AsyncMongoClient needs asyncio, but this test runs on trio; use secantus_db in a thread*"


def test_trio(project: Project) -> None:
    pytest.importorskip("pytest_trio")
    project.write(
        test_it="""
        import pytest

        @pytest.mark.trio
        async def test_it(secantus_async_db):
            await secantus_async_db.things.insert_one({})

        @pytest.mark.trio
        async def test_plain(secantus_db):
            secantus_db.things.insert_one({})
        """
    )
    result = project.run_apart("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([TRIO])


def test_anyio(project: Project) -> None:
    pytest.importorskip("anyio")
    pytest.importorskip("trio")
    project.write(
        test_it="""
        import pytest

        @pytest.fixture(params=["asyncio", "trio", ("trio", {})], ids=str)
        def anyio_backend(request):
            return request.param

        @pytest.mark.anyio
        async def test_it(secantus_async_db):
            await secantus_async_db.things.insert_one({})
        """
    )
    result = project.run_apart("-p", "no:asyncio", "-p", "no:trio")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines([TRIO])
