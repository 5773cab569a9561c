"""``--secantus-shadow``: different answers are reported, except for ids and times, and the tests are not affected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server import SecantusDBServer
from secantus_server.dispatch.interceptors import Call, Interceptor, Outcome
from secantus_server.errors import CommandError
from tests.nightly import nightly
from tests.plugin.project import LOAD, Project
from tests.plugin.test_report import BROWSER, shown

pytest_plugins = ["pytester"]

SUITE = """
    import pytest
    from bson import ObjectId

    @pytest.fixture(scope="module")
    def stock(secantus_client):
        secantus_client.shop.items.insert_many([{"kind": n % 5, "n": n} for n in range(250)])
        secantus_client.shop.items.create_index("kind")
        return secantus_client.shop.items

    def test_reads(stock):
        assert len(list(stock.find())) == 250
        assert len(list(stock.find().sort("kind"))) == 250
        assert stock.find_one({"n": 7})["kind"] == 2
        assert stock.find_one(sort=[("kind", 1)])["kind"] == 0
        cursor = stock.find(batch_size=10)
        next(cursor)
        cursor.close()
        assert sorted(stock.distinct("kind")) == [0, 1, 2, 3, 4]
        assert len(list(stock.aggregate([{"$group": {"_id": "$kind", "all": {"$addToSet": "$n"}}}]))) == 5
        assert len(list(stock.aggregate([{"$match": {"n": {"$gt": 3}}}, {"$sort": {"kind": -1}}, {"$limit": 7}]))) == 7
        assert stock.count_documents({}) == 250
        assert set(stock.index_information()) == {"_id_", "kind_1"}
        assert stock.database.list_collection_names() == ["items"]

    def test_writes(stock, secantus_client):
        changed = stock.update_one({"n": 1000}, {"$set": {"x": 1}, "$currentDate": {"at": True}}, upsert=True)
        assert stock.find_one({"_id": changed.upserted_id})["x"] == 1
        assert stock.find_one({"n": 1000})["_id"] == changed.upserted_id
        stock.insert_one({"_id": 5, "text": str(changed.upserted_id)})
        assert stock.find_one({"text": str(changed.upserted_id)})["_id"] == 5
        with pytest.raises(Exception, match="E11000"):
            stock.insert_one({"_id": changed.upserted_id})
        stock.aggregate([{"$limit": 7}, {"$out": {"db": "other", "coll": "copy"}}])
        assert secantus_client.other.copy.count_documents({}) == 7
        assert secantus_client.other.copy.delete_many({}).deleted_count == 7
        secantus_client.other.copy.rename("moved")
        assert stock.find_one_and_update({"n": 3}, {"$inc": {"kind": 1}}, return_document=True)["kind"] == 4
        secantus_client.shop.command({"create": "big", "viewOn": "items", "pipeline": [{"$match": {"n": {"$gt": 200}}}]})
        assert secantus_client.shop.big.count_documents({}) == 50

    def test_transactions(stock, secantus_client):
        with secantus_client.start_session() as session, session.start_transaction():
            stock.insert_one({"_id": 1}, session=session)
            assert stock.count_documents({}, session=session) == 251
        with secantus_client.start_session() as session, session.start_transaction():
            stock.insert_one({"_id": 2}, session=session)
            session.abort_transaction()
        assert stock.count_documents({"_id": {"$in": [1, 2]}}) == 1

    def test_what_is_not_sent(stock, secantus_client, secantus_faults):
        with stock.watch() as stream:
            stock.insert_one({"_id": "new"})
            assert stream.next()["documentKey"] == {"_id": "new"}
        secantus_faults.fail("insert", code=11600, times=1)
        stock.insert_one({"_id": "newer"})
        secantus_client.admin.command("serverStatus")

    def test_all_is_as_before(stock):
        assert stock.count_documents({}) == 250

    def test_restores(secantus_server, stock):
        with secantus_server.checkpoint():
            stock.delete_many({})
            assert stock.count_documents({}) == 0
        assert stock.count_documents({}) == 250
"""


class Wrong(Interceptor):
    """An interceptor that makes a server answer incorrectly."""

    def after(self, call: Call, outcome: Outcome) -> None:
        """Change some answers about the collection `wrong`."""
        if isinstance(outcome, CommandError) or call.body.get(call.name) != "wrong":
            return
        if call.name == "update":
            outcome["n"] += 1
        if call.name == "find":
            batch = outcome["cursor"]["firstBatch"]
            del batch.documents[0]
        if call.name == "distinct":
            outcome["values"][1] = 2.0


@pytest.fixture
def shadow() -> Iterator[SecantusDBServer]:
    """Start a second server, which answers incorrectly about the collection `wrong`."""
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        server.services.interceptors.install(Wrong())
        yield server


def databases(server: SecantusDBServer) -> set[str]:
    with MongoClient[dict[str, Any]](server.uri) as client:
        return set(client.list_database_names()) - {"admin", "config", "local"}


def section(result: pytest.RunResult) -> str:
    """Return the section of the shadow in the terminal output."""
    match = re.search(r"-+ Secantus shadow -+\n(.*?)\n(?:-+ \w|=+ )", result.stdout.str(), re.DOTALL)
    assert match is not None, result.stdout.str()
    return match[1]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "2"), id="workers"),
        pytest.param(("--secantus",), id="secantus", marks=nightly),
        pytest.param(("--secantus-process=yes",), id="process", marks=nightly),
    ],
)
def test_two_right_servers_agree(project: Project, shadow: SecantusDBServer, arguments: tuple[str, ...]) -> None:
    project.write(test_it=SUITE)
    result = project.run_apart("-p", "no:asyncio", f"--secantus-shadow={shadow.uri}", *arguments)
    result.assert_outcomes(passed=6)
    text = section(result)
    assert re.search(r"^\d\d commands of 6 tests were compared with the server 8\.\S+ at 127\.0\.0\.1:\d+: no answer differs$", text, re.M)
    assert [line.strip() for line in text.splitlines()[3:]] == [
        "1 x change streams",
        "1 x commands refused by a fault, by rights, or because the server was blocked",
        "2 x getMore and killCursors of cursors that the shadow does not have",
        # The default with --secantus: listings omit the kept definitions, which the shadow has.
        *(["1 x listCollections, with secantus_keep_definitions"] if "--secantus" in arguments else []),
        "1 x serverStatus (it does not read or write data)",
    ]
    assert databases(shadow) == set()


SEEDED = """
    def test_right(secantus_db):
        secantus_db.right.insert_one({})

    def test_wrong(secantus_db):
        wrong = secantus_db.wrong
        wrong.insert_many([{"_id": n} for n in range(3)])
        assert wrong.update_many({}, {"$set": {"a": 1}}).matched_count == 3
        assert wrong.find_one({"_id": 2})["a"] == 1
        assert wrong.distinct("_id") == [0, 1, 2]
"""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "2"), id="workers", marks=nightly),
        pytest.param(("--secantus-process=yes",), id="process", marks=nightly),
    ],
)
def test_wrong_answers_are_reported(project: Project, shadow: SecantusDBServer, arguments: tuple[str, ...]) -> None:
    project.write(test_it=SEEDED)
    result = project.run_apart("-p", "no:asyncio", f"--secantus-shadow={shadow.uri}", "--secantus-report=out.html", *arguments)
    result.assert_outcomes(passed=2)
    lines = section(result).splitlines()
    assert lines[0].endswith(": 3 answers differ")
    assert lines[1:] == [
        "",
        "test_it.py::test_wrong",
        "  use secantus_test",
        "  db.wrong.updateMany({}, { $set: { a: 1 } })",
        "    n:",
        "      here:   3",
        "      shadow: 4",
        "  use secantus_test",
        "  db.wrong.find({ _id: 2 }).limit(1)",
        "    cursor.firstBatch.length:",
        "      here:   1",
        "      shadow: 0",
        "  use secantus_test",
        '  db.wrong.distinct("_id")',
        "    values[1]:",
        "      here:   1",
        "      shadow: 2.0",
    ]
    report = json.loads((project.pytester.path / "out.json").read_text())["shadow"]
    first = report["differences"][0]
    assert (first["test"], first["path"], first["here"], first["shadow"]) == ("test_it.py::test_wrong", "n", "3", "4")
    assert first["answer_here"].startswith("{ ok: 1")
    assert "n: 4" in first["answer_shadow"]
    if BROWSER is not None and not arguments:
        page = shown((project.pytester.path / "out.html").as_uri(), project.pytester.path)
        for text in ("<h2>Shadow</h2>", "3 answers differ.", "db.wrong.updateMany({}, { $set: { a: 1 } })", "  shadow: 4"):
            assert text in page, text


CONNECTS = """
    from pymongo import MongoClient

    def test_it():
        with MongoClient("localhost", {port}, serverSelectionTimeoutMS=2000) as client:
            client.shop.items.insert_one({{"_id": 1}})
            assert client.shop.items.count_documents({{}}) == 1
"""


def test_the_shadow_may_have_the_address_that_is_redirected(project: Project, shadow: SecantusDBServer) -> None:
    project.write(test_it=CONNECTS.format(port=shadow.port))
    place = f"localhost:{shadow.port}"
    arguments = ["--secantus", f"--secantus-redirect={place}", f"--secantus-shadow=mongodb://{place}/?directConnection=true"]
    result = project.run_apart("-p", "no:asyncio", *arguments)
    result.assert_outcomes(passed=1)
    assert section(result).startswith("2 commands of 1 test were compared")
    assert databases(shadow) == set()


def test_a_shadow_that_ends_fails_no_test(project: Project, shadow: SecantusDBServer) -> None:
    project.ini(f"secantus_shadow = {shadow.uri}")
    project.write(
        test_it="""
        import pytest

        def test_first(secantus_db):
            secantus_db.c.insert_one({})

        def test_second(secantus_db, pytestconfig):
            secantus_db.c.insert_one({})
            pytestconfig.pluginmanager.get_plugin("stopper").stop()

        def test_third(secantus_db):
            secantus_db.c.insert_one({})
        """
    )

    class Stopper:
        def stop(self) -> None:
            shadow.stop()

    class Plugin:
        def pytest_configure(self, config: pytest.Config) -> None:
            config.pluginmanager.register(Stopper(), "stopper")

    line = [*LOAD, "-p", "no:cacheprovider", "-p", "no:asyncio"]
    result = project.pytester.runpytest_inprocess(*line, plugins=[Plugin()])
    result.assert_outcomes(passed=3)
    assert "test_it.py::test_second and later tests were not compared: the shadow has not answered: " in section(result)
    assert section(result).startswith("1 command of 1 test was compared")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--secantus-shadow=mongodb://127.0.0.1:1"], "--secantus-shadow: the server at 127.0.0.1:1 cannot be used: *refused*"),
        (["--secantus-shadow=mongodb://127.0.0.1:1", "--secantus"], "--secantus-shadow: the server at 127.0.0.1:1 cannot be used: *"),
        (["--secantus-shadow=mongodb://127.0.0.1:1", "-n", "2"], "--secantus-shadow: the server at 127.0.0.1:1 cannot be used: *"),
        (["--secantus-shadow=localhost"], "--secantus-shadow: 'localhost' is not a URI such as mongodb://localhost:27017"),
        (["--secantus-shadow=mongodb://a:b:c"], "--secantus-shadow: *"),
        (["--secantus-shadow=mongodb://h", "--secantus-uri=mongodb://h"], "--secantus-shadow cannot be combined with secantus_uri: *"),
    ],
)
def test_bad_use_is_a_usage_error(project: Project, arguments: list[str], message: str) -> None:
    project.write(test_it=SEEDED)
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
