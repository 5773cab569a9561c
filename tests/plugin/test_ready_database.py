"""`secantus_db` without a setup by pytest, compared with the setup by pytest."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = "pytester"

TESTS = """
import pytest

@pytest.fixture
def used(secantus_db):
    yield secantus_db
    assert secantus_db.things.count_documents({}) == 1, "the fixture is torn down before the test's writes are undone"


@pytest.fixture(scope="class")
def wide(request):
    return request.getfixturevalue("secantus_db")


@pytest.mark.parametrize("turn", range(3))
def test_in_a_fixture(used, secantus_db, turn, request):
    assert used is secantus_db is request.getfixturevalue("secantus_db")
    assert {"used", "secantus_db"} <= set(request.fixturenames)
    assert (type(used).__name__, used.name, used.write_concern.document) == ("Database", "secantus_test", {})
    assert used.client is request.getfixturevalue("secantus_client")
    assert "mark" not in vars(used), "each test has its own object"
    used.mark = turn
    used.things.insert_one({"_id": 1})
    assert used.things.count_documents({}) == 1


kept = []


@pytest.mark.parametrize("turn", range(3))
def test_alone(secantus_db, turn):
    assert all(one is not secantus_db for one in kept)
    kept.append(secantus_db)
    secantus_db.things.insert_one({"_id": 1})


@pytest.mark.parametrize("turn", range(2))
def test_in_a_wide_fixture(secantus_db, turn, request):
    with pytest.raises(pytest.fail.Exception, match="ScopeMismatch"):
        request.getfixturevalue("wide")


class TestOfClass:
    @pytest.fixture(autouse=True)
    def filled(self, secantus_db):
        secantus_db.things.insert_one({"_id": 2})

    @pytest.mark.parametrize("turn", range(2))
    def test_it(self, secantus_db, turn):
        assert [one["_id"] for one in secantus_db.things.find()] == [2]

    @pytest.mark.parametrize("turn", range(2))
    def test_that_fails(self, secantus_db, turn):
        secantus_db.things.insert_one({"_id": 2})
"""
#: A conftest that counts the setups by pytest.
COUNTER = """
from pytest_secantus import fixtures

setups, original = [], fixtures._database


def _database(request):
    setups.append(request.node.name)
    return original(request)


fixtures._database = _database


def pytest_terminal_summary(terminalreporter):
    terminalreporter.line(f"set up {len(setups)} times")


def pytest_unconfigure():
    fixtures._database = original
"""
#: A hook that observes the setup of fixtures, so that pytest sets up each.
OBSERVER = """
def pytest_fixture_setup(fixturedef):
    pass
"""


@pytest.mark.parametrize(("hook", "setups"), [("", 2), (OBSERVER, 12)])
def test_the_fixture_is_the_same_with_and_without_a_setup(project: Project, hook: str, setups: int) -> None:
    """Without a hook, pytest sets it up once for the module and once for the class."""
    project.write(test_it=TESTS, conftest=COUNTER + hook)
    result = project.run()
    result.assert_outcomes(passed=10, failed=2)
    result.stdout.fnmatch_lines([f"set up {setups} times"])


def test_options_that_show_fixtures_show_it(project: Project) -> None:
    project.write(test_it=TESTS)
    result = project.run("--setup-show", "-k", "test_alone")
    assert sum("SETUP    F secantus_db" in line for line in result.outlines) == 3


def test_overrides_after_plain_tests(project: Project) -> None:
    """A class of the module overrides what earlier tests of the module had without a setup."""
    project.write(
        test_it="""
        import pytest

        def test_first(secantus_db):
            pass

        def test_second(secantus_db):
            assert secantus_db.name == "secantus_test"

        @pytest.mark.parametrize("secantus_db", ["given"], indirect=False)
        def test_parametrized(secantus_db):
            assert secantus_db == "given"

        def test_third(secantus_db):
            assert secantus_db.name == "secantus_test"

        class TestOverride:
            @pytest.fixture
            def secantus_db(self, secantus_db):
                return secantus_db.client.other

            def test_override(self, secantus_db):
                assert secantus_db.name == "other"

        def test_last(secantus_db):
            assert secantus_db.name == "secantus_test"
        """
    )
    project.passes(passed=6)


def test_seeds_between_plain_tests(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        def fill(db):
            db.things.insert_many([{}, {}])

        def test_first(secantus_db):
            assert secantus_db.things.count_documents({}) == 0

        def test_second(secantus_db):
            assert secantus_db.things.count_documents({}) == 0

        @pytest.mark.secantus_seed([fill])
        def test_seeded(secantus_db):
            assert secantus_db.things.count_documents({}) == 2

        def test_last(secantus_db):
            assert secantus_db.things.count_documents({}) == 0
        """
    )
    project.passes(passed=4)
