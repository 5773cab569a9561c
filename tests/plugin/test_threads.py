"""`secantus_thread_guard`: the warning names the test that left a thread writing."""

from __future__ import annotations

import pytest

from tests.nightly import nightly
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

LEAVES = """
    import threading

    go, done = threading.Event(), threading.Event()


    def test_poll(secantus_client):
        def poll():
            go.wait()
            secantus_client.shop.orders.insert_one({})
            secantus_client.shop.orders.insert_one({})
            done.set()
        threading.Thread(target=poll, name="poller", daemon=True).start()


    def test_disturbed(secantus_db):
        go.set()
        done.wait()


    def test_later(secantus_db):
        pass
"""

INNOCENT = """
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import pytest

    POOL = ThreadPoolExecutor(1)
    READERS = []


    @pytest.fixture(scope="module")
    def writer(secantus_client):
        go, done = threading.Event(), threading.Event()

        def write():
            while go.wait() and not done.is_set():
                go.clear()
                secantus_client.shop.orders.insert_one({})
        thread = threading.Thread(target=write)
        thread.start()
        yield go
        done.set()
        go.set()
        thread.join()


    def test_a_wider_thread(writer, secantus_db):
        writer.set()


    def test_again(writer, secantus_db):
        writer.set()


    def test_a_joined_thread(secantus_db):
        thread = threading.Thread(target=secantus_db.orders.insert_one, args=({},))
        thread.start()
        thread.join()


    @pytest.mark.parametrize("run", range(3))
    def test_a_pool(secantus_db, run):
        POOL.submit(secantus_db.orders.insert_one, {}).result()


    def test_a_thread_that_only_reads(secantus_client):
        READERS.append(threading.Thread(target=lambda: [secantus_client.shop.orders.find_one() for _ in range(50)]))
        READERS[0].start()


    def test_after_it(secantus_db):
        READERS[0].join()
"""


@pytest.mark.parametrize("process", ["no", pytest.param("yes", marks=nightly)])
def test_the_test_is_named(project: Project, process: str) -> None:
    project.write(test_it=LEAVES)
    result = project.run_apart("-o", "secantus_thread_guard=yes", "--secantus-process", process)
    result.assert_outcomes(passed=3, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_disturbed",
            "*LeftThreadWarning: the thread 'poller', which test_it.py::test_poll has left running, has written to shop.orders (insert) "
            "during this test; join it at the end of test_poll, or start it in a fixture with a wider scope*",
        ]
    )


def test_as_an_error(project: Project) -> None:
    project.ini("secantus_thread_guard = yes", "filterwarnings = error::pytest_secantus.threads.LeftThreadWarning")
    project.write(test_it=LEAVES)
    project.run_apart().assert_outcomes(passed=3, errors=1)


def test_innocent_threads(project: Project) -> None:
    project.write(test_it=INNOCENT)
    project.run_apart("-o", "secantus_thread_guard=yes").assert_outcomes(passed=8, warnings=0)


def test_off_by_default(project: Project) -> None:
    project.write(test_it=LEAVES)
    project.run_apart().assert_outcomes(passed=3, warnings=0)


def test_a_wrong_option(project: Project) -> None:
    result = project.run("-o", "secantus_thread_guard=maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*secantus_thread_guard is 'maybe'; it must be yes or no"])
