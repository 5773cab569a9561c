"""Libraries that create their indexes once per process, at first use, find them in every test."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

#: The relevant behavior of an object-document mapper.
LIBRARY = """
    import os
    from pymongo import MongoClient
    from pymongo.errors import DuplicateKeyError

    made = set()

    def members(database):
        if "members" not in made:
            database.members.create_index("mail", unique=True)
            made.add("members")
        return database.members

    def is_refused(collection):
        try:
            collection.insert_many([{"mail": "ann"}, {"mail": "ann"}])
        except Exception:
            return True
        return False
"""

TESTS = """
    import pytest
    import library

    @pytest.mark.parametrize("run", [1, 2, 3])
    def test_refused(run, secantus_db):
        assert secantus_db.list_collection_names() == []
        assert library.members(secantus_db).count_documents({}) == 0
        assert library.is_refused(library.members(secantus_db))
"""


def test_with_the_suites_server_they_are_kept(project: Project) -> None:
    project.write(library=LIBRARY, test_it=TESTS)
    project.passes("--secantus", passed=3)


@pytest.mark.parametrize(("arguments", "kept"), [(("--secantus",), "no"), ((), "")])
def test_otherwise_they_are_undone(project: Project, arguments: tuple[str, ...], kept: str) -> None:
    project.ini(f"secantus_keep_definitions = {kept}")
    project.write(library=LIBRARY, test_it=TESTS)
    project.run(*arguments).assert_outcomes(passed=1, failed=2)


def test_fixtures_alone_may_keep_them_too(project: Project) -> None:
    project.ini("secantus_keep_definitions = yes")
    project.write(library=LIBRARY, test_it=TESTS)
    project.passes(passed=3)


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_first_used_by_a_fixture(project: Project, scope: str) -> None:
    fixture = f"""
        import pytest
        import library

        @pytest.fixture(scope="{scope}")
        def ann(secantus_client):
            library.members(secantus_client.secantus_test).insert_one({{"mail": "ann"}})
    """
    test = """
        import library

        class TestOne:
            def test_one(self, secantus_db, ann):
                assert library.is_refused(secantus_db.members)

        def test_two(secantus_db):
            assert library.is_refused(library.members(secantus_db))
    """
    project.write(library=LIBRARY, conftest=fixture, test_one=test, test_two=test)
    project.passes("--secantus", passed=4)


def test_what_a_test_dropped_is_gone(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.mark.parametrize("run", [1, 2])
        def test_own(run, secantus_db):
            secantus_db.create_collection("log", capped=run == 1, **({"size": 4096} if run == 1 else {}))
            assert secantus_db.log.options() == ({"capped": True, "size": 4096} if run == 1 else {})
            secantus_db.drop_collection("log")

        def test_nothing_is_left(secantus_db):
            secantus_db.log.insert_one({})
            assert secantus_db.log.options() == {}
        """
    )
    project.passes("--secantus", passed=3)


def test_of_a_seed_nothing_is_kept(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        def fill(database):
            database.members.create_index("mail", unique=True)
            database.members.insert_one({"mail": "ann"})

        @pytest.mark.secantus_seed([fill])
        def test_seeded(secantus_db):
            assert secantus_db.members.count_documents({}) == 1

        def test_without(secantus_db):
            secantus_db.members.insert_many([{"mail": "ann"}, {"mail": "ann"}])

        @pytest.mark.secantus_seed([fill])
        def test_seeded_again(secantus_db):
            assert secantus_db.members.index_information()["mail_1"]["unique"]
        """
    )
    project.passes("--secantus", passed=3)
