"""Writes of wider fixtures last for their scope and are undone with it, whenever the fixture is first requested."""

from __future__ import annotations

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

#: Fixtures of every scope, each inserting a document with its name, and `ids`, which returns the existing ids.
CONFTEST = """
    import pytest

    def insert(client, name):
        client.app.things.insert_one({"_id": name})

    @pytest.fixture
    def ids(secantus_client):
        return lambda: " ".join(sorted(thing["_id"] for thing in secantus_client.app.things.find()))

    @pytest.fixture
    def add(secantus_client):
        return lambda name: insert(secantus_client, name)

    @pytest.fixture(scope="session")
    def in_session(secantus_client):
        insert(secantus_client, "session")

    @pytest.fixture(scope="module")
    def in_module(secantus_client):
        insert(secantus_client, "module")

    @pytest.fixture(scope="class")
    def in_class(secantus_client):
        insert(secantus_client, "class")

    @pytest.fixture
    def in_function(secantus_client):
        insert(secantus_client, "function")
"""


def test_each_scope(project: Project) -> None:
    project.write(
        conftest=CONFTEST,
        **{
            "package/__init__": "",
            "package/conftest": """
        import pytest

        @pytest.fixture(scope="package")
        def in_package(secantus_client):
            secantus_client.app.things.insert_one({"_id": "package"})
        """,
            "package/test_one": """
        class TestOne:
            def test_all(self, in_session, in_package, in_module, in_class, in_function, ids, add):
                assert ids() == "class function module package session"
                add("test")

            def test_same_class(self, ids):
                assert ids() == "class module package session"

        class TestTwo:
            def test_other_class(self, ids):
                assert ids() == "module package session"

        def test_no_class(in_class, ids):
            assert ids() == "class module package session"

        def test_class_scope_without_a_class_is_the_test(ids):
            assert ids() == "module package session"
        """,
            "package/test_two": """
        def test_other_module(ids):
            assert ids() == "package session"
        """,
        },
        test_zzz="""
        def test_other_package(ids):
            assert ids() == "session"
        """,
    )
    project.passes(passed=7)


def test_asked_for_in_the_middle_of_a_test(project: Project) -> None:
    project.write(
        conftest=CONFTEST,
        test_one="""
        class TestMiddle:
            def test_middle(self, request, ids, add):
                add("before")
                for scope in ("class", "session", "module"):
                    request.getfixturevalue(f"in_{scope}")
                assert ids() == "before class module session"
                add("after")

            def test_same_class(self, ids):
                assert ids() == "class module session"

        def test_same_module(ids):
            assert ids() == "module session"
        """,
        test_two="""
        def test_other_module(ids):
            assert ids() == "session"
        """,
    )
    project.passes(passed=4)


def test_asked_for_by_a_later_test(project: Project) -> None:
    project.write(
        conftest=CONFTEST,
        test_one="""
        def test_module(in_module, ids):
            assert ids() == "module"

        def test_session(in_session, ids, add):
            assert ids() == "module session"
            add("test")

        def test_both(ids):
            assert ids() == "module session"
        """,
        test_two="""
        def test_session_only(ids):
            assert ids() == "session"
        """,
    )
    project.passes(passed=4)


def test_a_collection_that_the_test_filled_before(project: Project) -> None:
    """Let the fixture drop, fill and index a collection that the test has written to. Afterwards, only the fixture's writes remain."""
    project.write(
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def prepared(secantus_client):
            things = secantus_client.app.things
            assert things.count_documents({}) == 0
            things.drop()
            things.insert_many([{"_id": n, "n": n} for n in range(10)])
            things.create_index("n", unique=True)

        def test_first(request, secantus_client):
            things = secantus_client.app.things
            things.insert_many([{"_id": f"test{n}", "n": f"test{n}"} for n in range(5)])
            request.getfixturevalue("prepared")
            assert things.count_documents({}) == 15
            assert things.find_one({"n": 3}, hint="n_1") == {"_id": 3, "n": 3}
            things.delete_many({"_id": {"$lt": 5}})

        def test_second(secantus_client):
            things = secantus_client.app.things
            assert [thing["_id"] for thing in things.find()] == list(range(10))
            assert things.index_information()["n_1"]["unique"]
        """
    )
    project.passes(passed=2)


def test_a_parametrized_fixture_takes_its_writes_along(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def other(secantus_client):
            secantus_client.app.things.insert_one({"_id": "other"})

        @pytest.fixture(scope="module", params=["a", "b", "c"])
        def seeded(request, secantus_client):
            secantus_client.app.things.insert_one({"_id": request.param})
            return request.param

        def test_it(seeded, other, secantus_client):
            assert {thing["_id"] for thing in secantus_client.app.things.find()} == {seeded, "other"}
            secantus_client.app.things.insert_one({})
        """
    )
    project.passes(passed=3)


def test_fixtures_that_ask_for_fixtures(project: Project) -> None:
    project.write(
        conftest=CONFTEST,
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def outer(request, secantus_client):
            secantus_client.app.things.insert_one({"_id": "outer 1"})
            request.getfixturevalue("in_session")
            request.getfixturevalue("in_module")
            secantus_client.app.things.insert_one({"_id": "outer 2"})

        def test_here(outer, ids):
            assert ids() == "module outer 1 outer 2 session"
        """,
        test_other="""
        def test_there(ids):
            assert ids() == "session"
        """,
    )
    project.passes("test_it.py", "test_other.py", passed=2)


def test_a_server_first_asked_for_by_a_half_done_fixture(project: Project) -> None:
    project.write(
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def application(request):
            client = request.getfixturevalue("secantus_client")
            client.app.things.insert_one({"_id": "application"})
            return client

        @pytest.fixture
        def mine(request):
            application = request.getfixturevalue("application")
            application.app.things.insert_one({"_id": "mine"})
            return application

        @pytest.mark.parametrize("turn", range(2))
        def test_it(mine, turn):
            assert mine.app.things.count_documents({}) == 2
        """,
        test_other="""
        def test_other(secantus_client):
            assert secantus_client.app.things.count_documents({}) == 0
        """,
    )
    project.passes("test_it.py", "test_other.py", passed=3)


def test_xunit_and_unittest_setups(project: Project) -> None:
    project.write(
        conftest="""
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def things(secantus_client):
            pytest.things = secantus_client.app.things
        """,
        test_it="""
        import unittest
        import pytest

        def ids():
            return {thing["_id"] for thing in pytest.things.find()}

        def setup_module():
            pytest.things.insert_one({"_id": "module"})

        class TestPlain:
            def setup_class(self):
                pytest.things.insert_one({"_id": "class"})

            def setup_method(self):
                pytest.things.insert_one({"_id": "method"})

            def test_one(self):
                assert ids() == {"module", "class", "method"}

            def test_two(self):
                assert ids() == {"module", "class", "method"}

        class Case(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                pytest.things.insert_one({"_id": "class"})

            def setUp(self):
                pytest.things.insert_one({"_id": "set up"})

            def test_one(self):
                assert ids() == {"module", "class", "set up"}

            def test_two(self):
                assert ids() == {"module", "class", "set up"}

        def test_neither():
            assert ids() == {"module"}
        """,
        test_other="""
        import pytest

        def test_other():
            assert pytest.things.count_documents({}) == 0
        """,
    )
    project.passes("test_it.py", "test_other.py", passed=6)


def test_what_fails_is_undone_too(project: Project) -> None:
    project.write(
        conftest=CONFTEST,
        test_it="""
        import pytest

        @pytest.fixture
        def broken(add):
            add("broken")
            raise ValueError

        @pytest.fixture(scope="module")
        def broken_module(secantus_client):
            secantus_client.app.things.insert_one({"_id": "broken module"})
            raise ValueError

        @pytest.fixture
        def broken_end(add):
            yield
            add("end")
            raise ValueError

        def test_fails(add):
            add("test")
            assert False

        def test_setup_fails(broken):
            pass

        def test_teardown_fails(broken_end, add):
            add("test")

        def test_is_skipped(add):
            add("test")
            pytest.skip()

        @pytest.mark.xfail
        def test_is_expected_to_fail(add):
            add("test")
            assert False

        def test_nothing_is_left(ids):
            assert ids() == ""

        def test_setup_of_module_fails(broken_module):
            pass

        def test_teardown_writes(add, secantus_client):
            add("test")
        """,
        test_other="""
        def test_other(ids):
            assert ids() == ""
        """,
    )
    result = project.run("test_it.py", "test_other.py")
    result.assert_outcomes(passed=4, failed=1, errors=3, skipped=1, xfailed=1)


def test_hooks_of_a_conftest_write_for_the_test(project: Project) -> None:
    project.write(
        conftest="""
        import pytest

        clients = []

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_setup(item):
            for client in clients:
                client.app.things.insert_one({"_id": item.name})

        @pytest.fixture(scope="session")
        def client(secantus_client):
            clients.append(secantus_client)
            return secantus_client
        """,
        test_it="""
        import pytest

        def test_one(client):
            pass

        def test_two(client):
            assert [thing["_id"] for thing in client.app.things.find()] == ["test_two"]

        def test_three(client):
            assert [thing["_id"] for thing in client.app.things.find()] == ["test_three"]
        """,
    )
    project.passes(passed=3)


def test_teardown_code_sees_what_its_fixture_wrote(project: Project) -> None:
    project.write(
        conftest=CONFTEST,
        test_it="""
        import pytest

        @pytest.fixture(scope="module")
        def watched(secantus_client):
            things = secantus_client.app.things
            things.insert_one({"_id": "watched"})
            yield
            assert [thing["_id"] for thing in things.find()] == ["watched"]
            things.insert_one({"_id": "teardown"})

        def test_one(watched, add):
            add("test")
        """,
        test_other="""
        def test_other(ids):
            assert ids() == ""
        """,
    )
    project.passes("test_it.py", "test_other.py", passed=2)


def test_doctests_are_tests(project: Project) -> None:
    project.write(
        conftest="""
        import pytest

        @pytest.fixture(autouse=True)
        def name(doctest_namespace, secantus_client):
            doctest_namespace["things"] = secantus_client.app.things
        """,
        module='''
        def one():
            """
            >>> things.insert_one({}) and things.count_documents({})
            1
            """

        def two():
            """
            >>> things.insert_one({}) and things.count_documents({})
            1
            """
        ''',
    )
    project.passes("--doctest-modules", passed=2)
