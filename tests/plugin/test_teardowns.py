"""The writes of teardowns, and those of fixtures that fail halfway, are undone completely."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

CONFTEST = """
    import os
    import pytest
    from pymongo import MongoClient

    client = MongoClient(os.environ["MONGODB_URI"])
    log = client.app.log

    @pytest.fixture
    def logged():
        return lambda: [entry["_id"] for entry in log.find()]
"""


@pytest.fixture
def suite(project: Project) -> Project:
    project.ini("addopts = --secantus")
    project.write(conftest=CONFTEST)
    return project


def test_teardowns_that_write_though_the_setup_did_not(suite: Project) -> None:
    suite.write(
        test_it="""
        import unittest
        import pytest
        from conftest import log

        @pytest.fixture(scope="module")
        def in_module():
            yield
            log.insert_one({"_id": "module"})

        @pytest.fixture(scope="class")
        def in_class():
            yield
            log.insert_one({"_id": "class"})

        def teardown_module():
            log.insert_one({"_id": "teardown_module"})

        class TestClass:
            def test_it(self, in_class, in_module):
                pass

            @classmethod
            def teardown_class(cls):
                log.insert_one({"_id": "teardown_class"})

        class TestUnit(unittest.TestCase):
            def test_it(self):
                pass

            @classmethod
            def tearDownClass(cls):
                log.insert_one({"_id": "tearDownClass"})

        def test_after_the_classes(logged):
            assert logged() == []
        """,
        test_other="""
        def test_after_the_module(logged):
            assert logged() == []
        """,
    )
    suite.passes(passed=4)


def test_the_teardown_of_a_parametrized_fixture(suite: Project) -> None:
    suite.write(
        test_it="""
        import pytest
        from conftest import log

        @pytest.fixture(scope="module", params=["one", "two"])
        def valued(request):
            log.insert_one({"_id": "setup"})
            yield
            log.insert_one({"_id": "teardown"})

        def test_it(valued, logged):
            assert logged() == ["setup"]
            log.insert_one({"_id": "test"})
        """,
        test_other="""
        def test_other(logged):
            assert logged() == []
        """,
    )
    suite.passes(passed=3)


def test_what_a_failed_fixture_wrote_is_undone_at_once(suite: Project) -> None:
    suite.write(
        test_it="""
        import pytest
        from conftest import log

        @pytest.fixture(scope="module")
        def fails(request):
            request.addfinalizer(lambda: log.insert_one({"_id": "teardown"}))
            log.insert_one({"_id": "module"})
            raise RuntimeError("half-way")

        def test_fails(fails):
            pass

        def test_without(logged):
            assert logged() == []

        def test_in_the_middle(request, logged):
            log.insert_one({"_id": "test"})
            with pytest.raises(RuntimeError):
                request.getfixturevalue("fails")
            assert logged() == ["test"]
        """,
        test_other="""
        def test_other(logged):
            assert logged() == []
        """,
    )
    suite.run().assert_outcomes(passed=3, errors=1)
