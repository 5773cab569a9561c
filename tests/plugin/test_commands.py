"""secantus_commands: the commands in a test's log, the lines that sent them, and expectations."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from pytest_secantus.commands import Commands, bounds
from pytest_secantus.sources import is_own
from tests.nightly import nightly
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

ASYNC = ("asyncio_mode = strict", "asyncio_default_fixture_loop_scope = function")


def test_the_log_of_a_test(project: Project) -> None:
    project.write(
        test_it="""
        def test_one(secantus_commands, secantus_db):
            assert len(secantus_commands) == 0
            secantus_db.c.insert_one({"_id": 1})
            secantus_db.c.find_one({"a": 1})
            assert len(secantus_commands) == 2
            insert, find = secantus_commands
            assert (insert.name, insert.namespace, insert.text) == ("insert", "secantus_test.c", "db.c.insertOne({ _id: 1 })")
            assert (find.plan_summary, find.docs_examined, find.n_returned) == ("COLLSCAN", 1, 0)
            assert find.shape == "db.c.find({ a: ? }).limit(?)"
            assert find.duration_ms > 0
            assert (insert.source, find.source) == ("test_it.py:4", "test_it.py:5")
            assert [one.name for one in secantus_commands.filter(name="find")] == ["find"]
            both = secantus_commands.filter(name=["insert", "find"], namespace="secantus_test.c")
            assert [one.name for one in both] == ["insert", "find"]
            assert secantus_commands.filter(plan="IXSCAN") == []
            assert secantus_commands[-1].name == "find" and [one.name for one in secantus_commands[:1]] == ["insert"]
            assert str(secantus_commands).startswith("use secantus_test\\ndb.c.insertOne({ _id: 1 })  // test_it.py:4, ")

        def test_nothing_of_another_test(secantus_commands):
            assert list(secantus_commands) == []

        def test_without_the_log(secantus_db, secantus_server):
            secantus_db.c.find_one()
            assert secantus_server.logged_commands() == []
        """
    )
    project.passes(passed=3)


def test_what_belongs_to_a_test(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def wide(secantus_client):
            secantus_client.shop.a.insert_one({"_id": "module"})
            yield
            secantus_client.shop.a.delete_many({})

        @pytest.fixture
        def narrow(secantus_client):
            secantus_client.shop.b.insert_one({})

        def test_one(narrow, wide, secantus_commands):
            assert [one.namespace for one in secantus_commands] == ["shop.b"]

        def test_two(secantus_commands, request):
            request.getfixturevalue("narrow")
            assert [one.namespace for one in secantus_commands] == ["shop.b"]

        def test_three(secantus_client, request):
            secantus_client.shop.c.insert_one({})
            commands = request.getfixturevalue("secantus_commands")
            assert list(commands) == []
            secantus_client.shop.c.insert_one({})
            assert len(commands) == 1

        @pytest.mark.secantus_seed([lambda db: db.d.insert_one({})])
        def test_the_plugins_own_commands(secantus_db, secantus_commands):
            assert secantus_db.d.count_documents({}) == 1
            assert [one.name for one in secantus_commands] == ["aggregate"]
        """
    )
    project.passes(passed=4)
    project.passes("--secantus", passed=4)
    project.passes("--secantus-isolation=namespace", passed=4)


def test_any_client(project: Project) -> None:
    project.write(
        test_it="""
        import subprocess
        import sys
        from threading import Thread

        from pymongo import MongoClient

        def test_threads(secantus_uri, secantus_commands):
            def work():
                with MongoClient(secantus_uri) as client:
                    client.a.b.insert_one({})
            threads = [Thread(target=work) for _ in range(3)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            assert [one.source for one in secantus_commands] == ["test_it.py:11"] * 3

        def test_another_process(secantus_uri, secantus_commands):
            code = f"from pymongo import MongoClient; MongoClient('{secantus_uri}').a.b.insert_one({{}})"
            subprocess.run([sys.executable, "-c", code], check=True)
            assert [(one.text.partition("(")[0], one.source) for one in secantus_commands] == [("db.b.insertOne", None)]

        def test_a_helper(secantus_client, secantus_commands):
            from helper import load
            load(secantus_client)
            assert [(one.source, one.site) for one in secantus_commands] == [("test_it.py:26", "helper.py:2")]
        """,
        helper="""def load(client):
            return client.a.b.find_one()
        """,
    )
    project.run_apart("-p", "no:asyncio").assert_outcomes(passed=3)


def test_redirected_clients_and_logins(project: Project) -> None:
    project.ini("secantus_redirect = localhost:27017")
    project.write(
        test_it="""
        from pymongo import MongoClient

        def test_it(secantus_commands):
            with MongoClient("mongodb://ann:secret@localhost:27017/shop?serverSelectionTimeoutMS=5000") as client:
                client.shop.c.insert_one({})
            assert [(one.name, one.source) for one in secantus_commands] == [("insert", "test_it.py:6")]
        """
    )
    project.run_apart("--secantus", "-p", "no:asyncio").assert_outcomes(passed=1)


def test_async_clients(project: Project) -> None:
    project.ini(*ASYNC)
    project.write(
        test_it="""
        import asyncio

        import pytest

        @pytest.mark.asyncio
        async def test_it(secantus_async_db, secantus_commands):
            with secantus_commands.expect(1):
                await secantus_async_db.c.insert_one({})
            await asyncio.gather(secantus_async_db.c.find_one(), secantus_async_db.c.find_one())
            await asyncio.create_task(find(secantus_async_db))
            assert [one.source for one in secantus_commands] == [f"test_it.py:{line}" for line in (9, 10, 10, 15)]

        async def find(db):
            await db.c.find_one()
        """
    )
    project.run_apart().assert_outcomes(passed=1)


def test_unittest_classes(project: Project) -> None:
    project.write(
        test_it="""
        import unittest

        import pytest

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _fixtures(self, secantus_commands, secantus_db):
                self.commands, self.db = secantus_commands, secantus_db

            def test_it(self):
                with self.commands.expect(1):
                    self.db.c.find_one()
                assert self.commands[0].source == "test_it.py:13"
        """
    )
    project.passes(passed=1)


EXPECT = """
    import pytest

    def test_numbers(secantus_commands, secantus_db):
        secantus_db.c.find_one()
        with secantus_commands.expect(2) as block:
            secantus_db.c.find_one()
            assert len(block) == 1
            secantus_db.c.insert_one({})
        secantus_db.c.find_one()
        assert [one.name for one in block] == ["find", "insert"]
        with secantus_commands.expect(1, name="find"), secantus_commands.expect(at_most=2), secantus_commands.expect(at_least=2):
            secantus_db.c.find_one()
            secantus_db.c.insert_one({})
        with secantus_commands.expect(0, namespace="secantus_test.other"), secantus_commands.expect(at_least=1, at_most=1):
            secantus_db.c.find_one()
        with secantus_commands.expect(0):
            pass

    def test_an_error_in_the_block_wins(secantus_commands):
        with pytest.raises(KeyError), secantus_commands.expect(1):
            raise KeyError

    def test_nonsense(secantus_commands):
        for arguments, message in [
            ({}, "takes a number"), ({"count": 1, "at_most": 2}, "takes a number"), ({"count": -1}, "whole numbers from 0"),
            ({"at_least": 2, "at_most": 1}, "cannot be met"), ({"count": 1, "name": "fnd"}, "no command 'fnd'"), ({"count": True}, "whole"),
        ]:
            with pytest.raises(ValueError, match=message):
                secantus_commands.expect(**arguments)
"""


def test_expectations(project: Project) -> None:
    project.write(test_it=EXPECT)
    project.passes(passed=3)


def test_a_failure_prints_the_commands(project: Project) -> None:
    project.write(
        test_it="""
        def test_it(secantus_commands, secantus_db):
            with secantus_commands.expect(at_most=1, name="find"):
                secantus_db.c.find_one({"_id": 1})
                secantus_db.c.insert_one({"_id": "x"})
                secantus_db.client.other.d.find_one({"a": {"$gt": 2}})
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: expected at most 1 command of find, but 2 ran:",
            "E *use secantus_test",
            "E *db.c.find({ _id: 1 }).limit(1)  // test_it.py:4, EOF: 0 keys, 0 documents, 0 returned, * ms",
            "E *use other",
            "E *db.d.find({ a: { $gt: 2 } }).limit(1)  // test_it.py:6, *",
            "E *all commands of the block:",
            'E *db.c.insertOne({ _id: "x" })  // test_it.py:5, *',
        ]
    )
    assert "commands.py" not in result.stdout.str()


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "2"), id="workers", marks=nightly),
        pytest.param(("--secantus-process=yes",), id="process", marks=nightly),
        pytest.param(("--secantus", "-n", "2", "--secantus-process=yes"), id="all"),
    ],
)
def test_workers_and_processes(project: Project, arguments: tuple[str, ...]) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(secantus_commands, secantus_db, number):
            with secantus_commands.expect(number, name="insert"):
                for _ in range(number):
                    secantus_db.c.insert_one({})
            assert all(one.source == "test_it.py:8" for one in secantus_commands)
            assert len(secantus_commands) == number
        """
    )
    project.run_apart("-p", "no:asyncio", *arguments).assert_outcomes(passed=6)


def test_forks(project: Project) -> None:
    project.write(
        test_it="""
        import os

        from pymongo import MongoClient

        def test_it(secantus_uri, secantus_commands):
            pid = os.fork()
            if not pid:
                MongoClient(secantus_uri).a.b.insert_one({})
                os._exit(0)
            os.waitpid(pid, 0)
            assert [(one.name, one.source) for one in secantus_commands] == [("insert", None)]
        """
    )
    project.run_apart("-p", "no:asyncio", "--secantus-process=yes").assert_outcomes(passed=1)


def test_an_external_server_has_no_log(project: Project) -> None:
    project.write(test_it="def test_it(secantus_commands): pass")
    result = project.run("--secantus-uri=mongodb://localhost:1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the commands of tests are not available with secantus_uri*"])


def test_bounds() -> None:
    assert bounds(3, None, None) == (3, 3)
    assert bounds(None, None, 5) == (0, 5)
    assert bounds(None, 2, None) == (2, None)


@pytest.mark.parametrize("namespace", ["orders", ".orders", "", 5])
def test_a_namespace_names_its_database(namespace: object) -> None:
    with pytest.raises(ValueError, match=r"a namespace is database\.collection, such as shop\.orders, not "):
        Commands(list).expect(0, namespace=namespace)  # type: ignore[arg-type]


def test_no_name_is_no_command() -> None:
    with pytest.raises(ValueError, match="name lists no command"):
        Commands(list).expect(0, name=[])


def test_the_command_that_starts_pytest_is_no_line_of_the_project() -> None:
    for directory in ("scripts", "stdlib", "purelib", "platlib"):
        assert not is_own(str(Path(sysconfig.get_path(directory)) / "pytest"))
    assert is_own(__file__)
