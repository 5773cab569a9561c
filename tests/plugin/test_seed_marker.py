"""`secantus_seed`: the marker and the ini option, in every isolation mode."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]


@pytest.fixture
def seeds(project: Project) -> Project:
    """A project with a directory of seeds."""
    directory = project.pytester.mkdir("seeds")
    (directory / "users.json").write_text('[{"_id": 1, "name": "Ada"}, {"_id": 2, "name": "Bo"}]')
    (directory / "orders.jsonl").write_text('{"_id": {"$oid": "64b7f0c2a1b2c3d4e5f60718"}}\n')
    return project


SEEDED = """
    import pytest

    def names(db):
        return [user["name"] for user in db.users.find()]

    def fill(db):
        db.filled.insert_one({"_id": 1})
        db.filled.create_index("n")

    @pytest.mark.secantus_seed("seeds/users.json")
    def test_file(secantus_db):
        assert names(secantus_db) == ["Ada", "Bo"]
        secantus_db.users.drop()

    @pytest.mark.secantus_seed("seeds/users.json")
    def test_file_again(secantus_db):
        assert names(secantus_db) == ["Ada", "Bo"]

    @pytest.mark.secantus_seed("seeds")
    def test_directory(secantus_db):
        assert set(secantus_db.list_collection_names()) == {"users", "orders"}

    def test_without(secantus_db):
        assert secantus_db.list_collection_names() == []

    @pytest.mark.secantus_seed([fill])
    def test_callable(secantus_db):
        assert secantus_db.filled.count_documents({}) == 1
        assert set(secantus_db.filled.index_information()) == {"_id_", "n_1"}
        assert secantus_db.list_collection_names() == ["filled"]

    @pytest.mark.secantus_seed("seeds/users.json")
    class TestSeveral:
        @pytest.mark.secantus_seed("seeds/orders.jsonl", [fill])
        def test_all(self, secantus_db):
            assert set(secantus_db.list_collection_names()) == {"users", "orders", "filled"}

        def test_one(self, secantus_db):
            assert secantus_db.list_collection_names() == ["users"]
"""


@pytest.mark.parametrize("mode", ["restore", "namespace"])
def test_the_marker(seeds: Project, mode: str) -> None:
    seeds.write(test_it=SEEDED)
    seeds.passes("--strict-markers", f"--secantus-isolation={mode}", passed=7)


def test_the_marker_with_no_isolation(seeds: Project) -> None:
    seeds.write(
        test_it="""
        import pytest

        pytestmark = pytest.mark.secantus_seed("seeds/users.json")

        def test_one(secantus_db):
            secantus_db.users.delete_one({"_id": 1})

        def test_two(secantus_db):
            assert secantus_db.users.count_documents({}) == 1
        """
    )
    seeds.passes("--secantus-isolation=none", passed=2)


def test_a_seed_is_loaded_once(seeds: Project) -> None:
    """Check that a callable runs once, even if tests with other seeds run in between."""
    seeds.write(
        test_it="""
        import pytest

        calls = []

        def fill(db):
            calls.append(db.name)
            db.things.insert_many([{"_id": n} for n in range(10)])

        @pytest.mark.parametrize("turn", range(6))
        @pytest.mark.secantus_seed([fill])
        def test_filled(secantus_db, turn):
            assert secantus_db.things.count_documents({}) == 10
            secantus_db.things.delete_many({})

        @pytest.mark.secantus_seed("seeds/users.json")
        def test_other(secantus_db):
            assert secantus_db.list_collection_names() == ["users"]

        @pytest.mark.secantus_seed([fill])
        def test_filled_again(secantus_db, secantus_client):
            assert secantus_db.things.count_documents({}) == 10
            assert len(calls) == 1
            assert calls[0] not in secantus_client.list_database_names()
        """
    )
    seeds.passes(passed=8)


def test_fixtures_beside_a_seed(seeds: Project) -> None:
    seeds.write(
        test_it="""
        import pytest

        @pytest.fixture(scope="session")
        def in_session(secantus_client):
            secantus_client.secantus_test.users.insert_one({"_id": "session"})

        @pytest.fixture(scope="module")
        def in_module(secantus_client):
            secantus_client.secantus_test.users.insert_one({"_id": "module"})

        @pytest.fixture
        def in_function(secantus_db):
            assert secantus_db.users.find_one({"_id": 1})
            secantus_db.users.insert_one({"_id": "function"})

        def ids(db):
            return {user["_id"] for user in db.users.find()}

        @pytest.mark.secantus_seed("seeds/users.json")
        def test_seeded(secantus_db, in_function, in_module):
            assert ids(secantus_db) == {1, 2, "module", "function"}

        @pytest.mark.secantus_seed("seeds/users.json")
        def test_in_the_middle(secantus_db, request):
            request.getfixturevalue("in_session")
            assert ids(secantus_db) == {1, 2, "module", "session"}

        def test_unseeded(secantus_db):
            assert ids(secantus_db) == {"module", "session"}

        @pytest.mark.secantus_seed("seeds/users.json")
        def test_seeded_again(secantus_db):
            assert ids(secantus_db) == {1, 2, "module", "session"}
        """,
        test_other="""
        def test_other(secantus_db):
            assert [user["_id"] for user in secantus_db.users.find()] == ["session"]
        """,
    )
    seeds.passes("test_it.py", "test_other.py", passed=5)


def test_the_ini_line_is_for_every_test(seeds: Project) -> None:
    (seeds.pytester.mkdir("seeds/shop") / "orders.json").write_text('[{"_id": 5}]')
    seeds.pytester.mkdir("more").joinpath("extra.json").write_text('[{"_id": 1}]')
    seeds.ini("secantus_seed = seeds")
    seeds.write(
        test_it="""
        import pytest

        def test_all(secantus_db, secantus_client):
            assert set(secantus_db.list_collection_names()) == {"users", "orders"}
            assert secantus_client.shop.orders.find_one() == {"_id": 5}
            secantus_db.users.drop()
            secantus_client.drop_database("shop")

        def test_all_again(secantus_db, secantus_client):
            assert secantus_db.users.count_documents({}) == 2
            assert secantus_client.shop.orders.count_documents({}) == 1

        @pytest.mark.secantus_seed("users.json", "more/extra.json")
        def test_more(secantus_db):
            assert secantus_db.users.count_documents({}) == 2
            assert secantus_db.extra.count_documents({}) == 1
        """
    )
    seeds.passes("--strict-config", passed=3)


def test_the_ini_line_for_a_suite(seeds: Project) -> None:
    seeds.ini("secantus_seed = seeds", "secantus_database = app", "addopts = --secantus")
    seeds.write(
        test_it="""
        import os
        from pymongo import MongoClient

        users = MongoClient(os.environ["MONGODB_URI"]).app.users
        at_import = users.count_documents({})

        def test_one():
            assert at_import == 2
            users.delete_many({})

        def test_two():
            assert users.count_documents({}) == 2
        """
    )
    seeds.passes(passed=2)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('"nowhere.json"', "secantus_seed: no file, directory or callable 'nowhere.json' exists"),
        ('"broken.json"', "secantus_seed: *broken.json cannot be read*"),
        ('"double.json"', "secantus_seed: the collection double cannot be loaded*E11000*"),
        ('path="double.json"', "secantus_seed: pass sources as positional arguments, not as path="),
        ("", "secantus_seed: the marker names no source, such as a file or a directory"),
        ('"no.module:seed"', "secantus_seed: no.module:seed cannot be imported*"),
    ],
)
def test_a_seed_that_cannot_be_loaded(project: Project, marker: str, message: str) -> None:
    (project.pytester.path / "broken.json").write_text("[{")
    (project.pytester.path / "double.json").write_text('[{"_id": 1}, {"_id": 1}]')
    project.write(
        test_it=f"""
        import pytest

        @pytest.mark.secantus_seed({marker})
        def test_seeded(secantus_db):
            pass

        def test_nothing_is_left(secantus_db):
            assert secantus_db.list_collection_names() == []
        """
    )
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([message])


def test_a_callable_that_raises(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        def fill(db):
            db.things.insert_one({})
            raise ValueError("no more")

        @pytest.mark.secantus_seed([fill])
        def test_seeded(secantus_db):
            pass

        def test_nothing_is_left(secantus_db, secantus_client):
            assert set(secantus_client.list_database_names()) <= {"admin", "config", "local"}
        """
    )
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ValueError: no more"])


def test_two_lambdas(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        def filler(name):
            return lambda db: db[name].insert_one({})

        @pytest.mark.secantus_seed(filler("one"), filler("two"))
        def test_both(secantus_db):
            assert sorted(secantus_db.list_collection_names()) == ["one", "two"]

        @pytest.mark.secantus_seed([filler("three")])
        def test_third(secantus_db):
            assert secantus_db.list_collection_names() == ["three"]
        """
    )
    project.passes(passed=2)


def test_a_namespace_cannot_hold_other_databases(project: Project) -> None:
    directory = project.pytester.path / "seeds" / "shop"
    directory.mkdir(parents=True)
    (directory / "orders.json").write_text("[]")
    project.write(
        test_it="""
        import pytest

        @pytest.mark.secantus_seed("seeds")
        def test_seeded(secantus_db):
            pass
        """
    )
    result = project.run("--secantus-isolation=namespace")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*contains the database shop, which isolation namespace cannot cover"])


def test_one_worker_builds_for_all(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xdist")
    calls = project.pytester.path / "calls"
    monkeypatch.setenv("CALLS", str(calls))
    project.write(
        seed="""
        import os

        def fill(db):
            with open(os.environ["CALLS"], "a") as calls:
                print("called", file=calls)
            db.things.insert_many([{"_id": n} for n in range(100)])
            db.things.create_index("n", unique=True, sparse=True)
            db.create_collection("few", viewOn="things", pipeline=[{"$match": {"_id": {"$lt": 5}}}])
        """,
        test_it="""
        import pytest
        import seed

        @pytest.mark.parametrize("number", range(10))
        @pytest.mark.secantus_seed("seed:fill")
        def test_it(secantus_db, number):
            assert secantus_db.things.count_documents({}) == 100
            assert secantus_db.things.index_information()["n_1"]["unique"]
            assert secantus_db.few.count_documents({}) == 5
        """,
    )
    result = project.run_apart("-n", "2", "-p", "no:randomly")
    result.assert_outcomes(passed=10)
    assert calls.read_text().splitlines() == ["called"]
