"""The server in a child process: its methods, its end, and how a run reacts to it."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from pytest_secantus.child import ChildServer
from pytest_secantus.errors import CannotStart, ServerDied
from secantus_server.net.listener import ListenError
from secantus_server.settings import SettingsError
from secantus_server.storage import StorageError
from tests.plugin.project import Project
from tests.waiting import wait_until

pytest_plugins = ["pytester"]

YES = "--secantus-process=yes"


@pytest.fixture
def server() -> Iterator[ChildServer]:
    server = ChildServer(port=0, storage_path=":memory:")
    server.start()
    yield server
    server.stop()


def count(server: ChildServer) -> int:
    with MongoClient(server.uri) as client:
        return client.shop.fruit.count_documents({})


def insert(server: ChildServer) -> None:
    with MongoClient(server.uri) as client:
        client.shop.fruit.insert_one({})


def is_running(pid: int) -> bool:
    """Return whether the process runs. A zombie that no process has waited for does not count."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_snapshots(server: ChildServer) -> None:
    outer = server.snapshot()
    insert(server)
    inner = server.snapshot()
    assert server.snapshots == (outer, inner)
    assert server.snapshots[0] is outer
    assert (server.written_since(outer), server.written_since(inner)) == (True, False)
    insert(server)
    aside = server.set_aside(inner)
    assert (server.snapshots, count(server)) == ((outer,), 1)
    server.put_back(aside)
    assert (server.snapshots, count(server)) == ((outer, inner), 2)
    server.restore(outer)
    assert (server.snapshots, count(server)) == ((outer,), 0)
    server.release(outer)
    with server.checkpoint():
        insert(server)
    assert (server.snapshots, count(server), server.settings.storage_path) == ((), 0, ":memory:")


def test_handles_that_are_gone_are_forgotten(server: ChildServer) -> None:
    first = server.snapshot()
    for _ in range(20):
        with server.checkpoint():
            assert len(server.snapshots) == 2
    gc.collect()
    assert server.snapshots == (first,)
    assert server.snapshots[0] is first


def test_errors_keep_their_types(server: ChildServer) -> None:
    snapshot = server.snapshot()
    server.release(snapshot)
    with pytest.raises(StorageError, match="This snapshot has ended") as caught:
        server.restore(snapshot)
    assert caught.value.code == 1
    with pytest.raises(SettingsError, match="unknown setting 'nothing'"):
        ChildServer(nothing=1).start()
    with pytest.raises(ListenError, match=f"Port {server.port} of 127.0.0.1 is in use"):
        ChildServer(port=server.port, storage_path=":memory:").start()


def test_a_process_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(CannotStart, match=r"the server's process \d+ ended with exit status 1"):
        ChildServer(storage_path=":memory:").start()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    server = ChildServer(storage_path=":memory:")
    with pytest.raises(FileNotFoundError):
        server.start()
    server.stop()
    with pytest.raises(RuntimeError, match="the server is not running"):
        server.snapshot()


def test_the_process_ends_with_the_server() -> None:
    server = ChildServer(port=0, storage_path=":memory:")
    assert server.start() is server
    pid = server.pid
    server.stop()
    server.stop()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(RuntimeError, match="the server is not running"):
        server.snapshot()


def test_a_process_that_dies(server: ChildServer) -> None:
    snapshot, port = server.snapshot(), server.port
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(ServerDied, match=r"the server's process \d+ was terminated by signal 9 \(SIGKILL\)"):
        server.restore(snapshot)
    server.stop()
    server.start()
    assert (server.port, server.snapshots, count(server)) == (port, (), 0)
    with pytest.raises(ValueError, match="another server"):
        server.restore(snapshot)


def test_a_crash_leaves_the_stacks_of_all_threads(capfd: pytest.CaptureFixture[str]) -> None:
    server = ChildServer(port=0, storage_path=":memory:")
    server.start()
    pid = server.pid
    os.kill(pid, signal.SIGABRT)
    wait_until(lambda: not is_running(pid), "the server's process goes on after SIGABRT")
    server.stop()
    errors = capfd.readouterr().err
    assert "Fatal Python error: Aborted" in errors
    assert errors.count("hread 0x") >= 2, errors


def test_ctrl_c_does_not_reach_it(server: ChildServer) -> None:
    assert os.getpgid(server.pid) != os.getpgid(0)
    os.kill(server.pid, signal.SIGINT)
    assert count(server) == 0


SCRIPT = """
import os, signal
from pytest_secantus.child import ChildServer
server = ChildServer(port=0, storage_path=":memory:")
server.start()
read, write = os.pipe()
if os.fork() == 0:
    signal.pause()      # it outlives its parent, and holds whatever that held
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.wait()
        try:
            wait_until(lambda: not is_running(pid), "the server's process goes on without its parent")
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def in_a_fork(work: object) -> int:
    """Run a function in a fork of this process, which exits without cleanup. Return the exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()  # type: ignore[operator]
        except BaseException:  # noqa: BLE001 - the fork must not go on with the tests.
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_what_a_fork_leaves_open_is_undone(server: ChildServer) -> None:
    before = server.snapshot()

    def work() -> None:
        server.snapshot()
        insert(server)
        server.stop()

    assert in_a_fork(work) == 0
    assert (server.snapshots, count(server)) == ((before,), 0)


def test_a_fork_forgets_nothing_of_its_parents(server: ChildServer) -> None:
    snapshots = [server.snapshot()]

    def work() -> None:
        assert server.snapshots == (snapshots[0],)
        snapshots.clear()
        assert len(server.snapshots) == 1

    assert in_a_fork(work) == 0
    insert(server)
    server.restore(snapshots[0])
    assert count(server) == 0


def test_modules_of_a_suite_do_not_get_in_the_way(project: Project) -> None:
    project.write(**{"suite/array": "raise AssertionError", "suite/test_it": "def test_it(secantus_db): pass"})
    project.run_apart(YES, "-p", "no:asyncio", "suite").assert_outcomes(passed=1)


def test_a_test_that_loses_its_server(project: Project) -> None:
    project.write(
        test_it="""
        import os, signal
        import pytest

        def test_one(secantus_db, secantus_server):
            secantus_db.things.insert_one({})
            os.kill(secantus_server.pid, signal.SIGKILL)

        def test_two(secantus_db, secantus_uri):
            assert secantus_db.list_collection_names() == []
            secantus_db.things.insert_one({})
        """
    )
    result = project.run(YES)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_one*", "Secantus: the server's process * was terminated by signal 9 (SIGKILL); its data is lost*"]
    )
    assert "Traceback" not in result.stdout.str()


def test_what_a_fixture_wrote_cannot_be_replaced(project: Project) -> None:
    project.write(
        test_it="""
        import os, signal
        import pytest

        @pytest.fixture(scope="class")
        def catalogue(secantus_client):
            secantus_client.shop.articles.insert_one({})

        class TestShop:
            def test_one(self, catalogue, secantus_server):
                os.kill(secantus_server.pid, signal.SIGKILL)

            def test_two(self, catalogue):
                pass

        def test_three(secantus_db):
            secantus_db.things.insert_one({})
        """
    )
    result = project.run(YES)
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(["*ERROR at setup of TestShop.test_two*", "Secantus: *the writes of these fixtures are lost: catalogue"])


FORKING = """
    import os
    from _pytest.runner import runtestprotocol
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        \"\"\"Run each test in a fork, as pytest-forked does.\"\"\"
        pid = os.fork()
        if pid == 0:
            reports = runtestprotocol(item, log=False, nextitem=None)
            print(*[report.longreprtext for report in reports if report.failed], flush=True)
            os._exit(not all(report.passed for report in reports))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        outcome = "failed" if code else "passed"
        item.ihook.pytest_runtest_logreport(
            report=pytest.TestReport(item.nodeid, item.location, {}, outcome, f"exit code {code}", "call")
        )
        return True
"""
FORKED = """
    import os
    import pytest

    @pytest.mark.parametrize("number", range(3))
    def test_it(secantus_db, number):
        assert secantus_db.list_collection_names() == []
        secantus_db.things.insert_one({})
        if number == 1:
            os._exit(9)
"""


@pytest.mark.parametrize("arguments", [["--secantus"], []])
def test_tests_that_are_forked(project: Project, arguments: list[str]) -> None:
    project.write(conftest=FORKING, test_it=FORKED)
    result = project.run_apart(YES, "-p", "no:asyncio", *arguments)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*exit code 9*"])


GREEN = """
    import gevent

    def test_five(secantus_client, secantus_server):
        jobs = [gevent.spawn(secantus_client.shop.sales.insert_one, {"till": n}) for n in range(5)]
        gevent.joinall(jobs, raise_error=True)
        assert secantus_client.shop.sales.count_documents({}) == 5

    def test_none(secantus_client, secantus_server):
        assert secantus_client.shop.sales.count_documents({}) == 0
        assert bool(getattr(secantus_server, "pid", 0)) is OWN_PROCESS
"""


@pytest.mark.parametrize(("when", "own_process"), [("auto", True), ("no", False)])
def test_a_suite_under_gevent(project: Project, when: str, own_process: bool) -> None:
    pytest.importorskip("gevent")
    project.write(conftest="from gevent import monkey; monkey.patch_all()", test_it=GREEN.replace("OWN_PROCESS", str(own_process)))
    result = project.run_apart(f"--secantus-process={when}", "-p", "no:asyncio", "-p", "no:anyio")
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("tool", ["from gevent import monkey; monkey.patch_all()", "import eventlet; eventlet.monkey_patch()"])
def test_a_conftest_that_patches_after_the_server_has_started(project: Project, tool: str) -> None:
    pytest.importorskip(tool.split()[1].strip(";"))
    project.ini("secantus_redirect = localhost:27017")
    project.write(
        conftest=f"import sys; assert 'pymongo' not in sys.modules; {tool}",
        test_it="""
        from pymongo import MongoClient

        def test_it():
            with MongoClient(serverSelectionTimeoutMS=20000) as client:
                client.shop.sales.insert_one({})
                assert client.shop.sales.count_documents({}) == 1
        """,
    )
    # At its end, Hypothesis's plugin imports trio, which cannot be imported once eventlet has patched the process.
    others = [option for name in ("asyncio", "anyio", "hypothesispytest") for option in ("-p", f"no:{name}")]
    project.run_apart("--secantus", *others).assert_outcomes(passed=1)


def test_the_header_tells(project: Project) -> None:
    project.write(test_it="def test_it(): pass")
    project.passes("--secantus", YES, passed=1).stdout.fnmatch_lines(["secantus: mongodb://* in a child process, storage in memory*"])


def test_neither_yes_nor_no(project: Project) -> None:
    project.ini("secantus_process = perhaps")
    result = project.pytester.runpytest_inprocess("-p", "no:asyncio")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: secantus_process is 'perhaps'; it must be one of auto, yes, no"])
