"""Resets within a test: the fixture `secantus_reset`, and the ini option of the same name."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

BY_HAND = """
    import pytest


    def ids(db):
        return [one["_id"] for one in db.orders.find()]


    @pytest.fixture
    def prepared(secantus_db):
        secantus_db.orders.insert_one({"_id": "fixture"})


    def test_it(secantus_reset, prepared, secantus_db):
        for run in range(3):
            assert ids(secantus_db) == ["fixture"]
            secantus_db.orders.insert_one({"_id": run})
            secantus_db.orders.delete_one({"_id": "fixture"})
            secantus_db.create_collection("other")
            secantus_reset()
            assert secantus_db.list_collection_names() == ["orders"]


    def test_a_checkpoint_inside(secantus_reset, secantus_server, prepared, secantus_db):
        secantus_db.orders.insert_one({"_id": 1})
        with secantus_server.checkpoint():
            secantus_db.orders.insert_one({"_id": 2})
        assert ids(secantus_db) == ["fixture", 1]
        secantus_reset()
        assert ids(secantus_db) == ["fixture"]


    @pytest.fixture(scope="module")
    def wider(secantus_client):
        secantus_client.shop.articles.insert_one({})


    def test_a_wider_fixture_in_between(secantus_reset, request, prepared, secantus_db, secantus_client):
        secantus_db.orders.insert_one({"_id": 1})
        request.getfixturevalue("wider")
        assert ids(secantus_db) == ["fixture", 1]
        secantus_reset()
        assert ids(secantus_db) == ["fixture"]
        assert secantus_client.shop.articles.count_documents({}) == 1


    def test_dynamically(request, prepared, secantus_db):
        secantus_db.orders.insert_one({"_id": 1})
        reset = request.getfixturevalue("secantus_reset")
        secantus_db.orders.insert_one({"_id": 2})
        reset()
        assert ids(secantus_db) == ["fixture", 1]


    @pytest.mark.anyio
    async def test_async(secantus_reset, secantus_async_db):
        await secantus_async_db.orders.insert_one({})
        secantus_reset()
        assert await secantus_async_db.orders.count_documents({}) == 0


    @pytest.fixture
    def anyio_backend():
        return "asyncio"


    def test_nothing_is_left(secantus_db):
        assert secantus_db.list_collection_names() == []
"""


@pytest.mark.parametrize("process", ["no", "yes"])
def test_by_hand(project: Project, process: str) -> None:
    project.write(test_it=BY_HAND)
    project.passes("--secantus-process", process, passed=6)


def test_a_reset_in_a_fixture(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.fixture
        def early(secantus_reset):
            secantus_reset()

        def test_it(early): pass
        """
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*UsageError: secantus_reset: call it in the test function that requested it, not in a fixture"])


@pytest.mark.parametrize("isolation", ["namespace", "none"])
def test_without_snapshots(project: Project, isolation: str) -> None:
    project.write(test_it="def test_it(secantus_reset): pass")
    result = project.run(f"--secantus-isolation={isolation}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*UsageError: secantus_reset does not work with secantus_isolation = {isolation}; use restore"])


EXAMPLES = """
    import unittest

    import pytest
    from hypothesis import HealthCheck, given, settings, strategies as st

    relaxed = settings(suppress_health_check=list(HealthCheck), max_examples=10, deadline=None, database=None)


    @relaxed
    @given(st.integers(0, 3))
    def test_function(secantus_db, number):
        secantus_db.things.insert_one({"_id": number})
        assert secantus_db.things.count_documents({}) == 1


    class TestClass:
        @pytest.fixture(autouse=True)
        def prepared(self, secantus_db):
            secantus_db.things.insert_one({"_id": "fixture"})

        @relaxed
        @given(st.integers(0, 3))
        def test_method(self, secantus_db, number):
            secantus_db.things.insert_one({"_id": number})
            assert secantus_db.things.count_documents({}) == 2


    class Case(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def prepared(self, secantus_db):
            self.db = secantus_db

        def setUp(self):
            self.db.things.insert_one({"_id": "setUp"})

        @relaxed
        @given(st.integers(0, 3))
        def test_case(self, number):
            self.db.things.insert_one({"_id": number})
            self.assertEqual(self.db.things.count_documents({}), 2)


    def test_nothing_is_left(secantus_db):
        assert secantus_db.list_collection_names() == []
"""

ASYNC_EXAMPLES = """
    import pytest
    from hypothesis import HealthCheck, given, settings, strategies as st

    @pytest.mark.{mark}
    @settings(suppress_health_check=list(HealthCheck), max_examples=10, deadline=None, database=None)
    @given(st.integers(0, 3))
    async def test_coroutine(secantus_db, number):
        secantus_db.things.insert_one({{"_id": number}})
        assert secantus_db.things.count_documents({{}}) == 1

    @pytest.fixture
    def anyio_backend():
        return "asyncio"
"""


def test_examples(project: Project) -> None:
    pytest.importorskip("hypothesis")
    project.write(test_it=EXAMPLES)
    project.passes("-o", "secantus_reset=examples", passed=4)


def test_examples_are_not_reset_by_default(project: Project) -> None:
    pytest.importorskip("hypothesis")
    project.write(test_it=EXAMPLES)
    project.run().assert_outcomes(passed=1, failed=3)


@pytest.mark.parametrize("mark", ["asyncio", "anyio"])
def test_examples_that_are_coroutines(project: Project, mark: str) -> None:
    pytest.importorskip("hypothesis")
    pytest.importorskip(f"pytest_{mark}" if mark == "asyncio" else mark)
    project.write(test_it=ASYNC_EXAMPLES.format(mark=mark))
    project.run_apart("-o", "secantus_reset=examples", "-p", "no:trio").assert_outcomes(passed=1)


SUBTESTS = """
    import unittest

    import pytest


    def test_function(subtests, secantus_db):
        secantus_db.orders.insert_one({"_id": "common"})
        for number in range(3):
            with subtests.test(number=number):
                assert secantus_db.orders.count_documents({}) == 1
                secantus_db.orders.insert_one({"_id": number})
                with subtests.test("inside"):
                    assert secantus_db.orders.count_documents({}) == 2
        assert secantus_db.orders.count_documents({}) == 2


    def test_one_fails(subtests, secantus_db):
        for number in range(2):
            with subtests.test(number=number):
                secantus_db.orders.insert_one({"_id": 1})
                assert number


    class Case(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def prepared(self, secantus_db):
            self.db = secantus_db

        def setUp(self):
            self.db.orders.insert_one({"_id": "setUp"})

        def test_case(self):
            for number in range(3):
                with self.subTest(number=number):
                    self.assertEqual(self.db.orders.count_documents({}), 1)
                    self.db.orders.insert_one({"_id": "same"})
"""


def test_subtests(project: Project) -> None:
    if not hasattr(pytest, "Subtests"):
        pytest.skip("pytest 9 has subtests")
    project.write(test_it=SUBTESTS)
    result = project.run("-o", "secantus_reset=subtests")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["SUBFAILED(number=0) test_it.py::test_one_fails*", "*contains 1 failed subtest*", "* 2 failed, 2 passed*"])


def test_subtests_of_unittest(project: Project) -> None:
    project.write(test_it=SUBTESTS)
    project.passes("-o", "secantus_reset=subtests examples", "-k", "test_case", passed=1)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-o", "secantus_reset=loops"], "secantus_reset: 'loops' is not one of examples, subtests"),
        (
            ["-o", "secantus_reset=subtests", "--secantus-isolation=none"],
            "secantus_reset does not work with secantus_isolation = none; use restore",
        ),
        (["-o", "secantus_block=maybe"], "secantus_block is 'maybe'; it must be yes or no"),
        (["-o", "secantus_block=yes", "--secantus-uri=mongodb://a"], "secantus_block cannot be combined with secantus_uri"),
    ],
)
def test_wrong_options(project: Project, options: list[str], reason: str) -> None:
    result = project.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{reason}"])


def test_what_a_unittest_class_sets_up_stays(project: Project) -> None:
    project.write(
        test_it="""
        import unittest

        import pytest

        class Base:
            @pytest.fixture(autouse=True)
            def database(self, secantus_db, secantus_reset):
                self.db, self.reset = secantus_db, secantus_reset

            def setUp(self):
                self.db.things.insert_one({"_id": 1})

            def check(self):
                for _ in range(2):
                    self.db.things.insert_one({"_id": 2})
                    self.reset()
                assert [one["_id"] for one in self.db.things.find()] == [1]

        class TestPlain(Base, unittest.TestCase):
            def test_it(self):
                self.check()

        class TestAsync(Base, unittest.IsolatedAsyncioTestCase):
            async def test_it(self):
                self.check()
        """
    )
    project.passes(passed=2)
