"""`--secantus-dump` and `--secantus-pause`: the data kept of a failed test, and a dump as a seed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import bson
import pytest
from bson import json_util

from pytest_secantus.dumping import directory_name
from tests.plugin.project import LOAD, Project

pytest_plugins = ["pytester"]

FORMATS = pytest.mark.parametrize("form", ["json", "bson"])

FAILS = """
    import datetime

    import pytest
    from bson import Int64, Regex


    @pytest.fixture(scope="module")
    def catalogue(secantus_client):
        secantus_client.shop.articles.insert_many([{"_id": n} for n in range(5)])


    def test_order(catalogue, secantus_client, secantus_db):
        secantus_db.orders.insert_one({"_id": 1, "at": datetime.datetime(2024, 1, 1), "count": Int64(3), "like": Regex("a", "i")})
        secantus_db.orders.create_index("at", expireAfterSeconds=10**9)
        secantus_db.create_collection("checked", validator={"n": {"$gt": 1}})
        secantus_db.create_collection("recent", viewOn="orders", pipeline=[{"$match": {"n": 1}}])
        secantus_client.shop["a/b"].insert_one({"_id": 1})
        articles = secantus_client.shop.articles
        articles.delete_one({"_id": 0})
        articles.update_one({"_id": 1}, {"$set": {"price": 5}})
        articles.insert_many([{"_id": n} for n in range(10, 15)])
        assert False, "on purpose"


    def test_that_passes(secantus_db):
        secantus_db.orders.insert_one({})
"""

SEEDED = """
    import pytest

    @pytest.mark.secantus_seed("kept/test_it.py-test_order")
    def test_it(secantus_client, secantus_db):
        (order,) = secantus_db.orders.find()
        assert order["_id"] == 1 and order["at"].year == 2024 and order["like"].pattern == "a"
        assert type(order["count"]).__name__ == "Int64"
        assert secantus_db.orders.index_information()["at_1"]["expireAfterSeconds"] == 10**9
        assert secantus_db.checked.options()["validator"] == {"n": {"$gt": 1}}
        assert secantus_db.recent.options()["viewOn"] == "orders"
        assert sorted(secantus_client.shop.list_collection_names()) == ["a/b", "articles"]
        assert [one["_id"] for one in secantus_client.shop.articles.find()] == [1, 2, 3, 4, 10, 11, 12, 13, 14]
        assert set(secantus_client.list_database_names()) == {"shop", "secantus_test", "admin", "config", "local"} & set(
            secantus_client.list_database_names()
        )
"""


def kept(project: Project, name: str = "test_it.py-test_order") -> Path:
    return project.pytester.path / "kept" / name


@FORMATS
@pytest.mark.parametrize("process", ["no", "yes"])
def test_a_dump_is_a_seed(project: Project, form: str, process: str) -> None:
    project.write(test_it=FAILS)
    result = project.run("--secantus-dump=kept", f"--secantus-dump-format={form}", "--secantus-process", process)
    result.assert_outcomes(passed=1, failed=1)
    assert [path.name for path in kept(project).parent.iterdir()] == ["test_it.py-test_order"]
    project.write(test_it=SEEDED)
    project.passes(passed=1)


def test_no_two_tests_share_a_directory() -> None:
    assert directory_name("shop/test_it.py::TestIt::test_one[1-a]") == "shop-test_it.py-TestIt-test_one-1-a"
    tests = [f"test_it.py::test_one[{name}]" for name in ("a/b", "a-b", "a:b", "a b", "a-b-", "x" * 200, "x" * 201)]
    assert len({directory_name(test) for test in tests}) == len(tests)


def test_the_terminal(project: Project) -> None:
    project.write(test_it=FAILS)
    result = project.run("--secantus-dump=kept")
    result.stdout.fnmatch_lines(
        [
            "*Secantus: what the test changed*",
            "secantus_test.checked: the collection was created",
            "secantus_test.orders: the collection was created, 1 added",
            "  + { _id: 1, at: ISODate('2024-01-01T00:00:00.000Z'), count: Long('3'), like: /a/i }",
            "secantus_test.recent: the collection was created",
            "shop.a/b: the collection was created, 1 added",
            "shop.articles: 5 added, 1 changed, 1 removed",
            "  + { _id: 10 }",
            "  + and 2 more",
            "  ~ { _id: 1 } price: (none) -> 5",
            "  - { _id: 0 }",
            "The databases are in *kept/test_it.py-test_order",
        ]
    )


def test_the_files(project: Project) -> None:
    project.write(test_it=FAILS)
    project.run("--secantus-dump=kept", "--secantus-dump-format=bson")
    database = kept(project) / "secantus_test"
    assert sorted(path.name for path in database.iterdir()) == [
        "checked.bson",
        "checked.metadata.json",
        "orders.bson",
        "orders.metadata.json",
        "recent.metadata.json",
    ]
    assert [one["_id"] for one in bson.decode_all((database / "orders.bson").read_bytes())] == [1]
    metadata = json.loads((database / "orders.metadata.json").read_text())
    assert metadata["type"] == "collection"
    assert metadata["collectionName"] == "orders"
    assert len(metadata["uuid"]) == 32
    assert metadata["indexes"][0] == {"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"}
    commands = (kept(project) / "commands.txt").read_text().splitlines()
    assert commands[0] == "use secantus_test"
    # The same text as in the terminal.
    assert commands[1].startswith("db.orders.insertOne({ _id: 1, at: ISODate('2024-01-01T00:00:00.000Z'), count: Long('3'), like: /a/i })")
    assert re.search(r"  // test_it\.py:\d+, ", commands[1])
    assert any(line.startswith("db.articles.updateOne({ _id: 1 }, { $set: { price: 5 } })  // test_it.py:") for line in commands)
    difference = json_util.loads((kept(project) / "difference.ejson").read_text())
    assert difference["shop.articles"] == {
        "collection": "kept",
        "added": [{"_id": n} for n in range(10, 15)],
        "changed": [{"before": {"_id": 1}, "after": {"_id": 1, "price": 5}}],
        "removed": [{"_id": 0}],
    }


CASES = """
    import unittest

    import pytest


    @pytest.fixture
    def broken(secantus_db):
        secantus_db.orders.insert_one({"_id": "setup"})
        raise ValueError


    def test_setup(broken): pass


    @pytest.fixture
    def broken_later(secantus_db):
        yield
        raise ValueError


    def test_teardown(broken_later): pass


    @pytest.mark.xfail
    def test_expected(secantus_db):
        assert False


    def test_skipped(secantus_db):
        pytest.skip()


    def test_fault(secantus_db, secantus_faults, secantus_clock):
        secantus_db.orders.insert_one({"_id": "fault"})
        secantus_faults.fail(code=8000)
        secantus_db.orders.insert_one({"_id": "fault"})


    class Orders(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def given(self, secantus_db):
            self.db = secantus_db

        def test_case(self):
            self.db.orders.insert_one({"_id": "unittest"})
            self.fail()


    @pytest.mark.anyio
    async def test_async(secantus_async_db):
        await secantus_async_db.orders.insert_one({"_id": "async"})
        assert False


    @pytest.fixture
    def anyio_backend():
        return "asyncio"


    @pytest.mark.parametrize("long", ["a/b c" * 10])
    def test_long_LONG(secantus_db, long):
        assert False
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_which_tests(project: Project, workers: tuple[str, ...]) -> None:
    project.write(test_it=CASES.replace("LONG", "long" * 20))
    result = project.run_apart("--secantus-dump=kept", "-p", "no:asyncio", *workers)
    result.assert_outcomes(passed=1, failed=4, errors=2, xfailed=1, skipped=1)
    found = {path.name: path for path in kept(project).parent.iterdir()}
    (long,) = (name for name in found if name.startswith("test_it.py-test_long_longlong"))
    assert len(long) == 120
    orders = {}
    for name, path in found.items():
        file = path / "secantus_test" / "orders.json"
        orders[name] = json.loads(file.read_text()) if file.exists() else []
    assert orders == {
        long: [],
        "test_it.py-test_setup": [{"_id": "setup"}],
        "test_it.py-test_fault": [{"_id": "fault"}],
        "test_it.py-Orders-test_case": [{"_id": "unittest"}],
        "test_it.py-test_async": [{"_id": "async"}],
    }


@pytest.mark.parametrize("isolation", ["namespace", "none"])
def test_without_snapshots(project: Project, isolation: str) -> None:
    project.write(test_it=FAILS)
    result = project.run("--secantus-dump=kept", f"--secantus-isolation={isolation}", "-k", "test_order")
    result.stdout.fnmatch_lines(["*The difference needs secantus_isolation = restore*", "The databases are in *"])
    assert list(kept(project).glob("*/orders.json"))


def test_a_later_run_replaces_a_dump(project: Project) -> None:
    project.write(test_it=FAILS)
    project.run("--secantus-dump=kept")
    project.write(test_it="def test_order(secantus_db): assert False")
    project.run("--secantus-dump=kept")
    assert sorted(path.name for path in kept(project).iterdir()) == ["commands.txt", "difference.ejson"]


def test_a_directory_that_cannot_be_written_later(project: Project) -> None:
    project.write(test_it=FAILS)
    kept(project).parent.mkdir()
    kept(project).write_text("a file in its place")
    result = project.run("--secantus-dump=kept")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["The databases could not be written to *test_order: *"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--secantus-dump=file/kept"], "--secantus-dump: *file/kept cannot be written: *"),
        (["--secantus-dump=file"], "--secantus-dump: *file cannot be written: *"),
        (["--secantus-dump=kept", "--secantus-uri=mongodb://a"], "--secantus-dump cannot be combined with secantus_uri"),
        (["--secantus-dump=kept", "--secantus-dump-format=xml"], "--secantus-dump-format is 'xml'; it must be one of json, bson"),
        (["--secantus-dump-format=json"], "--secantus-dump-format needs --secantus-dump=DIR"),
        (["--secantus-pause", "-n2"], "--secantus-pause cannot be combined with -n: the workers have no terminal"),
    ],
)
def test_wrong_options(project: Project, options: list[str], reason: str) -> None:
    (project.pytester.path / "file").write_text("")
    result = project.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{reason}"])


PAUSES = """
    import threading

    def test_it(secantus_db, secantus_uri, secantus_faults, monkeypatch):
        from pymongo import MongoClient

        def look():
            with MongoClient(secantus_uri) as client:
                print("found", client.secantus_test.orders.find_one())

        monkeypatch.setattr("builtins.input", look)
        secantus_db.orders.insert_one({"_id": 1})
        secantus_faults.fail("find", code=8000)
        assert False, "on purpose"
"""


def test_pause(project: Project) -> None:
    project.write(test_it=PAUSES)
    result = project.run("--secantus-pause")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Secantus: paused*",
            "test_it.py::test_it failed: AssertionError: on purpose",
            "The server runs at mongodb://127.0.0.1:*; secantus_db is its database secantus_test. Press Enter to go on.",
            "found {'_id': 1}",
        ]
    )


def test_a_pause_ends_with_the_input(project: Project) -> None:
    project.write(test_it="def test_it(secantus_db): assert False\ndef test_other(secantus_db): pass")
    result = project.pytester.run(sys.executable, "-mpytest", *LOAD, "-p", "no:cacheprovider", "--secantus-pause", stdin=b"")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*Press Enter to go on.*"])
