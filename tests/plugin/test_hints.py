"""Hints in reports and in the summary."""

from __future__ import annotations

import socket

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from pytest_secantus.hints import hint
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

OURS = "127.0.0.1:4000"
REFUSED = "{}: [Errno 111] Connection refused (configured timeouts: connectTimeoutMS: 20000.0ms), Timeout: 30s"


def timeout(*places: str) -> ServerSelectionTimeoutError:
    return ServerSelectionTimeoutError(",".join(REFUSED.format(place) for place in places))


@pytest.mark.parametrize("place", ["localhost:27017", "127.0.0.1:27017", "::1:27017", "mongo-1.example.org:27018"])
def test_who_is_looked_for(place: str) -> None:
    assert f"--secantus-redirect={place}" in str(hint(timeout(place), OURS))


def test_several() -> None:
    text = str(hint(timeout("localhost:27017", "localhost:27018", "localhost:27017"), OURS))
    assert "secantus_redirect = localhost:27017 localhost:27018 in" in text
    assert "--secantus-redirect=localhost:27017,localhost:27018" in text


def test_a_server_of_somebody_else() -> None:
    hosts = "one.example.org,two.example.org:27018"
    assert hint(timeout("one.example.org:27017", "two.example.org:27018"), hosts) is None
    assert hint(timeout("localhost:27017"), hosts) is not None


def test_behind_other_errors() -> None:
    chained = ValueError()
    chained.__cause__ = RuntimeError()
    chained.__cause__.__context__ = timeout("localhost:27017")
    assert hint(chained, OURS) is not None


@pytest.mark.parametrize(
    "error", [timeout("localhost:4000"), timeout(OURS), ValueError("localhost:27017: [Errno 111]"), ServerSelectionTimeoutError("nothing")]
)
def test_no_hint(error: Exception) -> None:
    assert hint(error, OURS) is None


@pytest.fixture
def unused_port() -> int:
    """Return a port on which no process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


LOOKS = """
    from pymongo import MongoClient

    def look():
        MongoClient("localhost", {port}, serverSelectionTimeoutMS=50).admin.command("ping")
"""


def test_a_report_names_the_option(project: Project, unused_port: int) -> None:
    project.write(
        look=LOOKS.format(port=unused_port),
        test_it="""
        import look

        def test_it():
            look.look()
        """,
        test_import="import look; look.look()",
    )
    expected = f"No MongoDB server listens on localhost:{unused_port}. *--secantus-redirect=localhost:{unused_port}"
    for name in ("test_it.py", "test_import.py"):
        project.run("--secantus", name).stdout.fnmatch_lines(["*- Secantus -*", expected])
        project.run(name).stdout.no_fnmatch_line(expected)


LOGIN = """
    from pymongo import MongoClient

    def test_it():
        with MongoClient("mongodb://ann:wrong@localhost:27017/") as client:
            client.admin.command("ping")
"""
UNCHECKED = "secantus: the credentials of {} were not checked, because the server has no users;*"


def test_the_summary_says_that_logins_were_not_checked(project: Project) -> None:
    project.write(test_one=LOGIN, test_two=LOGIN)
    redirect = ("--secantus", "--secantus-redirect=localhost:27017")
    project.passes(*redirect, passed=2).stdout.fnmatch_lines([UNCHECKED.format("2 clients")])
    project.passes(*redirect, "test_one.py", passed=1).stdout.fnmatch_lines([UNCHECKED.format("a client")])


def test_logins_are_checked_where_the_ini_file_says_so(project: Project) -> None:
    project.write(test_one=LOGIN)
    project.ini("secantus_check_logins = yes")
    result = project.run("--secantus", "--secantus-redirect=localhost:27017")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Authentication failed*"])


def test_so_does_that_of_parallel_workers(project: Project) -> None:
    pytest.importorskip("xdist")
    project.write(test_one=LOGIN, test_two=LOGIN)
    result = project.run_apart("--secantus", "--secantus-redirect=localhost:27017", "-n", "2")
    result.stdout.fnmatch_lines([UNCHECKED.format("2 clients")])


def test_without_logins_nothing_is_said(project: Project) -> None:
    project.write(test_it="def test_it(secantus_db): pass")
    project.passes("--secantus", passed=1).stdout.no_fnmatch_line("*Secantus warnings*")
