"""The release of MongoDB that the server emulates: the ini option and the marker `secantus_compat`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.plugin.project import Project

pytest_plugins = ["pytester"]

ASK = """
    def release(client):
        return client.admin.command("buildInfo")["version"], client.admin.command("hello")["maxWireVersion"]

    NEW, OLD = ("9.0.2", 29), ("8.2.4", 27)
"""


def test_the_ini_option(project: Project) -> None:
    project.write(ask=ASK, test_it="from ask import *\ndef test(secantus_client):\n    assert release(secantus_client) == NEW\n")
    project.passes("-o", "secantus_compat=9.0", passed=1)


def test_the_marker(project: Project) -> None:
    project.write(
        ask=ASK,
        test_it="""
        import pytest
        from ask import NEW, OLD, release

        @pytest.fixture(scope="module")
        def of_the_module(secantus_client):
            secantus_client.shop.fruit.insert_one({"_id": "module"})
            return release(secantus_client)

        def test_before(secantus_client):
            assert release(secantus_client) == OLD

        @pytest.mark.secantus_compat("9.0")
        def test_marked(of_the_module, secantus_client):
            assert of_the_module == OLD
            assert release(secantus_client) == NEW
            secantus_client.shop.fruit.insert_one({"_id": "test", "a": [1]})
            assert secantus_client.shop.fruit.count_documents({"a.b": None}) == 2

        def test_after(of_the_module, secantus_client):
            assert release(secantus_client) == OLD
            assert [one["_id"] for one in secantus_client.shop.fruit.find()] == ["module"]

        @pytest.mark.secantus_compat("9.0")
        class TestMarked:
            def test_it(self, secantus_client):
                assert release(secantus_client) == NEW

            @pytest.mark.secantus_compat("8.2")
            def test_its_own(self, secantus_client):
                assert release(secantus_client) == OLD
        """,
    )
    project.passes(passed=5)


def test_the_marker_of_the_first_test(project: Project) -> None:
    project.write(
        ask=ASK,
        test_it="""
        import pytest
        from ask import NEW, OLD, release

        @pytest.mark.secantus_compat("8.2")
        def test_first(secantus_client):
            assert release(secantus_client) == OLD

        def test_second(secantus_client):
            assert release(secantus_client) == NEW
        """,
    )
    project.passes("-o", "secantus_compat=9.0", passed=2)


def test_the_marker_with_a_server_in_a_child_process(project: Project) -> None:
    project.write(
        ask=ASK,
        test_it="""
        import pytest
        from ask import NEW, OLD, release

        @pytest.mark.secantus_compat("9.0")
        def test_marked(secantus_client):
            assert release(secantus_client) == NEW

        def test_after(secantus_client):
            assert release(secantus_client) == OLD
        """,
    )
    project.passes("--secantus-process=yes", passed=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "secantus_compat=9.1"], "secantus_compat is '9.1'; it must be one of 8.2, 9.0"),
        (["-o", "secantus_compat=9.0", "--secantus-uri=mongodb://localhost:1"], "secantus_compat cannot be combined with secantus_uri"),
    ],
)
def test_wrong_options(project: Project, arguments: list[str], message: str) -> None:
    project.write(test_it="def test():\n    pass\n")
    result = project.run(*arguments)
    assert message in "\n".join([*result.errlines, *result.outlines])


@pytest.mark.parametrize("marker", ['("9.1")', "", '("8.2", "9.0")', '(release="9.0")'])
def test_wrong_markers(project: Project, marker: str) -> None:
    project.write(
        test_it=f"""
        import pytest

        @pytest.mark.secantus_compat{marker}
        def test(secantus_db):
            pass

        def test_next(secantus_db):
            pass
        """
    )
    project.run().assert_outcomes(errors=1, passed=1)


def test_the_example_of_the_page(project: Project) -> None:
    page = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    project.write(test_it=example)
    project.passes(passed=1)
