"""The hooks of tests and fixtures, and their place in the order of all plugins."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project

pytest_plugins = "pytester"

#: A conftest whose hooks surround the plugin's, as those of any conftest do: the plugin was loaded before.
AROUND = """
import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    guard = next(one for one in item.config.pluginmanager.get_plugins() if type(one).__name__ == "ItemHooks").guard
    assert guard._item is None, "no test has begun yet"
    result = yield
    assert guard._item is item
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    result = yield
    assert item.config.pluginmanager.get_plugin("secantus-items").guard._item is None, "the test has ended"
    return result
"""


def test_the_hooks_of_a_conftest_surround_those_of_the_plugin(project: Project) -> None:
    project.write(
        conftest=AROUND,
        test_it="""
        def test_one(secantus_db):
            secantus_db.things.insert_one({})

        def test_two(secantus_db):
            assert secantus_db.things.count_documents({}) == 0

        def test_without_a_fixture():
            pass
        """,
    )
    project.passes(passed=3)


def test_all_actions_at_the_end_of_a_test_function_run_although_the_server_has_died(project: Project) -> None:
    project.write(
        test_it="""
        from pytest_secantus.errors import ServerDied
        from pytest_secantus.guard import guard_of

        done = []

        def die():
            raise ServerDied("it is reported elsewhere")

        def test_one(request, secantus_db):
            guard = guard_of(request.config)
            guard.at_end_of_call(lambda: done.append("first"))
            guard.at_end_of_call(die)
            guard.at_end_of_call(lambda: done.append("last"))
            secantus_db.things.insert_one({})

        def test_two(secantus_db):
            assert done == ["last", "first"]
            assert secantus_db.things.count_documents({}) == 0
        """,
    )
    project.passes(passed=2)


def test_the_hooks_cannot_be_left_out(project: Project) -> None:
    project.write(
        test_it="""
        def test_one(secantus_db):
            raise AssertionError("no test may run without isolation")
        """,
    )
    result = project.run("-p", "no:secantus-items")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "use secantus_isolation = none instead" in "\n".join([*result.outlines, *result.errlines])
