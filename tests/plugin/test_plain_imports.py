"""The server's assertions are not rewritten, even if pytest is told to rewrite them as for an installed plugin."""

from __future__ import annotations

import sys

from tests.plugin.project import Project

pytest_plugins = ["pytester"]


def test_the_server_is_imported_as_it_is(project: Project) -> None:
    project.write(
        conftest="import pytest\npytest.register_assert_rewrite('secantus_server', 'helper')\n",
        helper="def check():\n    assert True\n",
        test_it="""
        import helper, secantus_server.catalog.catalog, secantus_server.server

        def test_it(secantus_db):
            assert "@pytest_ar" in vars(helper)
            assert "@pytest_ar" not in vars(secantus_server.server)
            assert "@pytest_ar" not in vars(secantus_server.catalog.catalog)
        """,
    )
    project.run_apart().assert_outcomes(passed=1)


def test_nothing_is_left_when_the_run_ends(project: Project) -> None:
    before = list(sys.meta_path)
    project.write(test_it="def test_it(secantus_db): pass")
    project.passes(passed=1)
    assert sys.meta_path == before
