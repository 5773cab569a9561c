"""The fixtures: their types, their cost when unused, and the undoing of writes made through them."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]


def test_what_each_fixture_is(project: Project) -> None:
    project.write(
        test_it="""
        import pymongo
        from pytest_secantus.child import ChildServer
        from secantus_server.server import SecantusDBServer

        def test_types(secantus_server, secantus_uri, secantus_client, secantus_db, secantus_async_client, secantus_async_db):
            assert isinstance(secantus_server, (SecantusDBServer, ChildServer))
            assert secantus_uri == secantus_server.uri
            assert isinstance(secantus_client, pymongo.MongoClient)
            assert secantus_client.admin.command("ping")["ok"] == 1
            assert secantus_db.client is secantus_client
            assert isinstance(secantus_async_client, pymongo.AsyncMongoClient)
            assert secantus_async_db.name == secantus_db.name

        def test_the_session_has_one_server(secantus_server, secantus_client):
            assert secantus_client.address == ("127.0.0.1", secantus_server.port)
        """
    )
    project.passes("--strict-markers", "--strict-config", passed=2)


def test_fixtures_have_docstrings(project: Project) -> None:
    result = project.run("--fixtures")
    for name in ("server", "uri", "client", "db", "async_client", "async_db"):
        result.stdout.fnmatch_lines([f"secantus_{name}*"])
    result.stdout.no_fnmatch_line("*no docstring available*secantus*")


def test_a_plan_of_the_fixtures_starts_nothing(project: Project) -> None:
    project.write(
        test_it="""
        def test_it(secantus_db):
            raise AssertionError
        """
    )
    result = project.run("--setup-plan")
    result.stdout.fnmatch_lines(["*starts when a fixture needs it*", "*SETUP    F secantus_db"])


def test_an_error_in_the_database_is_an_error_of_the_setup(project: Project) -> None:
    project.write(
        conftest="""
        import pytest

        @pytest.fixture
        def secantus_client():
            pytest.skip("no client")
        """,
        test_it="""
        import pytest

        def test_skipped(secantus_db):
            raise AssertionError

        def test_caught(request):
            for _ in range(2):
                with pytest.raises(pytest.skip.Exception, match="no client"):
                    request.getfixturevalue("secantus_db")
        """,
    )
    project.run().assert_outcomes(passed=1, skipped=1)


def test_the_database_may_be_imported_by_another_name(project: Project) -> None:
    project.write(
        conftest="from pytest_secantus.fixtures import secantus_db as db",
        test_it="""
        def test_it(db):
            db.c.insert_one({})
            assert db.list_collection_names() == ["c"]
        """,
    )
    project.run().assert_outcomes(passed=1)


def test_unused_nothing_starts(project: Project) -> None:
    project.write(
        test_it="""
        import os, threading

        def test_nothing():
            # Threads of earlier tests may end in the meantime.
            assert set(threading.enumerate()) <= before
            assert "MONGODB_URI" not in os.environ

        before = set(threading.enumerate())
        """
    )
    result = project.passes(passed=1)
    result.stdout.fnmatch_lines(["secantus: starts when a fixture needs it, storage in memory, isolation restore"])


TOUCH = """
    def touch(db):
        db.things.insert_one({"_id": 1, "n": 5})
        db.things.create_index("n")
        db.create_collection("capped", capped=True, size=4096)
        db.create_collection("view", viewOn="things", pipeline=[])
        db.client.other.things.insert_one({})

    def is_untouched(db):
        return db.list_collection_names() == [] and "other" not in db.client.list_database_names()
"""


def test_everything_a_test_wrote_is_undone(project: Project) -> None:
    project.write(
        touching=TOUCH,
        test_it="""
        from touching import touch, is_untouched

        def test_one(secantus_db):
            assert is_untouched(secantus_db)
            touch(secantus_db)

        def test_two(secantus_db):
            assert is_untouched(secantus_db)
            touch(secantus_db)
        """,
    )
    project.pytester.syspathinsert()
    project.passes(passed=2)


def test_changes_of_what_was_there_are_undone(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.fixture(scope="module", autouse=True)
        def base(secantus_client):
            db = secantus_client.app
            db.things.insert_many([{"_id": n, "n": n} for n in range(100)])
            db.things.create_index("n")
            db.create_collection("checked", validator={"n": {"$gt": 0}})

        CHANGES = [
            lambda db: db.things.drop(),
            lambda db: db.things.delete_many({}),
            lambda db: db.things.update_many({}, {"$inc": {"n": 1}}),
            lambda db: db.things.drop_index("n_1"),
            lambda db: db.things.insert_one({"_id": 100}),
            lambda db: db.things.aggregate([{"$match": {"n": 1}}, {"$out": "things"}]),
            lambda db: db.client.drop_database("app"),
            lambda db: db.checked.insert_one({"n": 1}),
        ]

        @pytest.mark.parametrize("change", CHANGES)
        def test_it(secantus_client, change):
            db = secantus_client.app
            assert db.things.count_documents({}) == 100
            assert sum(thing["n"] for thing in db.things.find().hint("n_1")) == 4950
            assert set(db.things.index_information()) == {"_id_", "n_1"}
            assert db.checked.options() == {"validator": {"n": {"$gt": 0}}, "validationLevel": "strict", "validationAction": "error"}
            assert db.checked.count_documents({}) == 0
            change(db)
        """
    )
    project.passes(passed=8)


def test_whoever_wrote_it(project: Project) -> None:
    """Check that writes by another client, a thread and another process are undone, because the store itself is restored."""
    project.write(
        test_it="""
        import subprocess, sys, threading
        from pymongo import MongoClient

        def write(uri):
            with MongoClient(uri) as client:
                client.secantus_test.things.insert_one({})

        SCRIPT = "import sys; from pymongo import MongoClient; MongoClient(sys.argv[1]).secantus_test.things.insert_one({})"

        def test_writes(secantus_uri, secantus_db):
            write(secantus_uri)
            thread = threading.Thread(target=write, args=(secantus_uri,))
            thread.start()
            thread.join()
            subprocess.run([sys.executable, "-c", SCRIPT, secantus_uri], check=True)
            assert secantus_db.things.count_documents({}) == 3

        def test_nothing_is_left(secantus_db):
            assert secantus_db.things.count_documents({}) == 0
        """
    )
    project.passes(passed=2)


def test_a_test_that_closes_the_shared_client(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.mark.parametrize("turn", range(2))
        def test_closes(secantus_client, secantus_db, turn):
            with secantus_client:
                assert secantus_db.things.count_documents({}) == 0
                secantus_db.things.insert_one({})
            secantus_client.close()
        """
    )
    project.passes("-W", "error::pytest.PytestUnraisableExceptionWarning", "-W", "error::ResourceWarning", passed=2)


def test_a_cursor_that_was_left_open_is_ended(project: Project) -> None:
    project.write(
        test_it="""
        import pymongo, pytest

        left = []

        def test_leaves_a_cursor(secantus_db):
            secantus_db.things.insert_many([{} for _ in range(300)])
            cursor = secantus_db.things.find(batch_size=2)
            next(cursor)
            left.append(cursor)

        def test_it_is_ended():
            with pytest.raises(pymongo.errors.CursorNotFound):
                list(left.pop())
        """
    )
    project.passes(passed=2)


def test_checkpoints_in_the_middle_of_a_test(project: Project) -> None:
    project.write(
        test_it="""
        def test_nesting(secantus_server, secantus_db):
            things = secantus_db.things
            count = lambda: things.count_documents({})
            things.insert_one({})
            with secantus_server.checkpoint():
                things.insert_one({})
                with secantus_server.checkpoint():
                    things.insert_one({})
                    assert count() == 3
                assert count() == 2
            assert count() == 1
            snapshot = secantus_server.snapshot()
            for _ in range(2):
                things.insert_one({})
                secantus_server.restore(snapshot)
                assert count() == 1

        def test_after_a_snapshot_left_open(secantus_db):
            assert secantus_db.list_collection_names() == []
        """
    )
    project.passes(passed=2)


def test_a_snapshot_of_a_wider_fixture_restored_by_a_test(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def start(secantus_server, secantus_client):
            secantus_client.app.things.insert_one({"_id": 1})
            return secantus_server.snapshot()

        @pytest.mark.parametrize("turn", range(3))
        def test_it(start, secantus_server, secantus_client, turn):
            things = secantus_client.app.things
            assert things.count_documents({}) == 1
            things.insert_one({})
            secantus_server.restore(start)
            assert things.count_documents({}) == 1
            things.insert_one({})
        """
    )
    project.passes(passed=3)


ASYNC_TESTS = """
    {head}

    {mark}
    async def test_writes(secantus_async_db, secantus_async_client):
        await secantus_async_db.things.insert_one({{"_id": 1}})
        assert [thing async for thing in secantus_async_db.things.find()] == [{{"_id": 1}}]
        assert secantus_async_db.client is secantus_async_client

    {mark}
    async def test_nothing_is_left(secantus_async_db, secantus_db):
        assert await secantus_async_db.things.count_documents({{}}) == 0
        await secantus_async_db.things.insert_one({{}})
        assert secantus_db.things.count_documents({{}}) == 1
"""


@pytest.mark.parametrize(
    ("plugin", "head", "mark", "arguments"),
    [
        ("pytest_asyncio", "import pytest", "@pytest.mark.asyncio", ["-o", "asyncio_default_fixture_loop_scope=function"]),
        (
            "anyio",
            "import pytest\n    @pytest.fixture\n    def anyio_backend(): return 'asyncio'",
            "@pytest.mark.anyio",
            ["-p", "no:asyncio"],
        ),
    ],
)
def test_async_tests(project: Project, plugin: str, head: str, mark: str, arguments: list[str]) -> None:
    pytest.importorskip(plugin)
    project.write(test_it=ASYNC_TESTS.format(head=head, mark=mark))
    result = project.run_apart("-W", "error", *arguments)
    result.assert_outcomes(passed=2)


def test_async_without_a_plugin(project: Project) -> None:
    project.write(
        test_it="""
        import asyncio, gc, threading

        async def use(db):
            await db.things.insert_one({})
            return await db.things.count_documents({})

        def test_run(secantus_async_db):
            assert asyncio.run(use(secantus_async_db)) == 1

        def test_loop_of_ones_own(secantus_async_db):
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(use(secantus_async_db)) == 1

        def test_loop_in_a_thread(secantus_async_db, request):
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever)
            thread.start()
            assert asyncio.run_coroutine_threadsafe(use(secantus_async_db), loop).result(10) == 1
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

        def test_unused(secantus_async_client):
            gc.collect()
        """
    )
    project.run("-W", "error::pytest.PytestUnraisableExceptionWarning").assert_outcomes(passed=4)


def test_fixtures_used_only_dynamically(project: Project) -> None:
    project.write(
        test_it="""
        def test_writes(request):
            request.getfixturevalue("secantus_client").app.things.insert_one({})

        def test_nothing_is_left(request):
            assert request.getfixturevalue("secantus_client").app.things.count_documents({}) == 0
        """
    )
    project.passes(passed=2)


def test_a_suite_with_a_client_of_its_own(project: Project) -> None:
    """Check that `secantus_db` uses the test's own `secantus_client`, even if the previous test had another one."""
    project.write(
        test_first="""
        def test_first(secantus_db, secantus_client):
            assert secantus_db.client is secantus_client


        def test_second(secantus_db):
            assert secantus_db.client.options.pool_options.appname is None
        """,
        test_other="""
        import pytest
        from pymongo import MongoClient


        @pytest.fixture
        def secantus_client(secantus_uri):
            with MongoClient(secantus_uri, appname="own") as client:
                yield client


        @pytest.mark.parametrize("n", [1, 2])
        def test_own(secantus_db, n):
            assert secantus_db.client.options.pool_options.appname == "own"
            secantus_db.fruit.insert_one({"_id": n})
            assert secantus_db.fruit.count_documents({}) == 1


        class Client:
            def __getitem__(self, name):
                return name


        @pytest.mark.parametrize("secantus_client", [Client()])
        def test_parametrized(secantus_db):
            assert secantus_db == "secantus_test"
        """,
        test_third="""
        def test_third(secantus_db):
            assert secantus_db.client.options.pool_options.appname is None
            assert secantus_db.fruit.count_documents({}) == 0
        """,
    )
    project.passes(passed=6)


def test_a_suite_that_parametrizes_its_client(project: Project) -> None:
    """Check that pytest runs a test for each parameter of the fixtures that `secantus_db` requests dynamically."""
    project.write(
        test_params="""
        import pytest
        from pymongo import MongoClient


        @pytest.fixture(params=["one", "two"])
        def secantus_client(request, secantus_uri):
            with MongoClient(secantus_uri, appname=request.param) as client:
                yield client


        names = []


        def test_each(secantus_db):
            names.append(secantus_db.client.options.pool_options.appname)


        def test_both():
            assert names == ["one", "two"]
        """,
        test_requested="""
        import pytest
        from pymongo import MongoClient


        @pytest.fixture(params=[1, 2])
        def number(request):
            return request.param


        @pytest.fixture
        def name(number):
            return f"name {number}"


        @pytest.fixture
        def secantus_client(name, secantus_uri):
            with MongoClient(secantus_uri, appname=name) as client:
                yield client


        def test_each(secantus_db, number):
            assert secantus_db.client.options.pool_options.appname == f"name {number}"


        def test_each_without_asking(secantus_db):
            assert secantus_db.client.options.pool_options.appname.startswith("name ")
        """,
        test_third="""
        def test_third(secantus_db):
            assert secantus_db.client.options.pool_options.appname is None
            assert secantus_db.fruit.count_documents({}) == 0
        """,
    )
    project.passes(passed=8)
