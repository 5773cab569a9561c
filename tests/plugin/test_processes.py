"""Other processes and abnormal ends: workers that crash, interrupted runs, missing plugins."""

from __future__ import annotations

import signal

import pytest

from tests.plugin.project import LOAD, Project

pytest_plugins = ["pytester"]

TWO = """
    def test_one(secantus_db):
        secantus_db.things.insert_one({})

    def test_two(secantus_db):
        assert secantus_db.things.count_documents({}) == 0
"""


def test_without_xdist(project: Project) -> None:
    project.write(test_it=TWO)
    project.run_apart("-p", "no:xdist", "--strict-markers", "--strict-config", "-p", "no:asyncio", "-W", "error").assert_outcomes(passed=2)


def test_a_worker_that_dies(project: Project) -> None:
    pytest.importorskip("xdist")
    project.ini("secantus_storage = data")
    project.write(
        test_it="""
        import os
        import pytest

        @pytest.mark.parametrize("number", range(10))
        def test_it(secantus_db, number):
            assert secantus_db.list_collection_names() == []
            secantus_db.things.insert_one({})
            if number == 3:
                os._exit(9)
        """
    )
    result = project.run_apart("-n", "2")
    result.assert_outcomes(passed=9, failed=1)
    result.stdout.fnmatch_lines(["*worker 'gw*' crashed while running 'test_it.py::test_it*3*'"])
    project.write(test_it=TWO)
    project.passes(passed=2)
    assert [path.name for path in (project.pytester.path / "data").iterdir()] == ["sweep.lock"]


@pytest.mark.parametrize("end", ["raise KeyboardInterrupt", "pytest.exit('enough')", "sys.exit(3)"])
def test_a_run_that_is_cut_short(project: Project, end: str) -> None:
    project.write(
        test_it=f"""
        import sys, threading
        import pytest

        def test_ends(secantus_db):
            secantus_db.things.insert_one({{}})
            {end}

        def test_later(secantus_db):
            assert secantus_db.list_collection_names() == []
        """
    )
    result = project.run_apart("--secantus")
    assert result.ret != -signal.SIGKILL
    assert "Traceback" not in result.stderr.str()


def test_stop_at_the_first_failure(project: Project) -> None:
    project.write(
        test_it="""
        def test_fails(secantus_db):
            assert False

        def test_later(secantus_db):
            pass
        """
    )
    project.run("-x", "--secantus").assert_outcomes(failed=1)


def test_collecting_only(project: Project) -> None:
    project.write(test_it=TWO)
    assert project.run("--collect-only", "--secantus").ret == 0


def test_a_module_that_cannot_be_imported(project: Project) -> None:
    project.write(test_it="import nothing_of_this_name", test_two=TWO)
    result = project.run("--secantus", "--continue-on-collection-errors")
    result.assert_outcomes(passed=2, errors=1)


def test_threads_end_with_the_run(project: Project) -> None:
    project.write(test_it=TWO)
    script = project.pytester.path / "script.py"
    script.write_text(
        "import gc, pytest, sys\n"
        f"result = pytest.main([*{list(LOAD)!r}, '--secantus', '-q', 'test_it.py'])\n"
        "from secantus_server.system._threads import Thread\n"
        "names = {thread.name for thread in gc.get_objects() if type(thread) is Thread and thread.is_alive()}\n"
        "print('LEFT', names - {'secantus-free'})\n"
        "sys.exit(result)\n"
    )
    result = project.pytester.runpython(script)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["LEFT set()"])
