"""Invalid options are reported in one sentence without a traceback."""

from __future__ import annotations

import os

import pytest

from pytest_secantus.options import address, read_address
from tests.plugin.project import INSTALLED, Project

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("secantus", [True, False])
@pytest.mark.parametrize(
    ("ini", "arguments", "message"),
    [
        ("secantus_isolation = some", [], "secantus_isolation is 'some'; it must be one of restore, namespace, none"),
        ("", ["--secantus-isolation=some"], "secantus_isolation is 'some'; it must be one of restore, namespace, none"),
        ("secantus_isolation = restore", ["--secantus-uri=mongodb://h"], "secantus_isolation = restore does not work with secantus_uri*"),
        ("", ["--secantus-uri=localhost"], "secantus_uri: Invalid URI scheme*"),
        ("", ["--secantus-uri=mongodb://"], "secantus_uri: Must provide at least one hostname or IP"),
        ("secantus_uri = mongodb://a:b:c", [], "secantus_uri: Reserved characters such as ':' must be escaped*"),
        (
            "secantus_auth = root pw root\n  app pw redWrite@shop",
            [],
            "secantus_auth: *the database shop has no role 'redWrite'; its roles are*",
        ),
        ("secantus_env = A-B", [], "secantus_env: 'A-B' is not the name of an environment variable"),
        ("secantus_redirect = localhost:port", [], "secantus_redirect: 'localhost:port' is not a host:port such as localhost:27017"),
        ("secantus_redirect = localhost:99999", [], "secantus_redirect: 'localhost:99999' is not a host:port*"),
        ("secantus_redirect = mongodb://localhost", [], "secantus_redirect: 'mongodb://localhost' is not a host:port*"),
        ("secantus_seed = nowhere", [], "secantus_seed: *nowhere does not exist"),
        ("secantus_database = a.b", [], "secantus_database: 'a.b' is not allowed as the name of a test database"),
        ("secantus_database = admin", [], "secantus_database: 'admin' is not allowed as the name of a test database"),
        ("secantus_storage = pytest.ini", [], "secantus_storage: *pytest.ini is not a directory"),
        ("secantus_check_logins = yes", ["--secantus-uri=mongodb://h"], "secantus_check_logins cannot be combined with secantus_uri*"),
        ("secantus_check_logins = perhaps", [], "secantus_check_logins is 'perhaps'; it must be yes or no"),
        ("", ["--secantus-uri=mongodb://h", "--secantus-storage=x"], "secantus_storage cannot be combined with secantus_uri*"),
        (
            "secantus_seed = pytest.ini",
            ["--secantus-uri=mongodb://h", "--secantus-isolation=none"],
            "secantus_seed *would load into an existing database",
        ),
    ],
)
def test_a_broken_option_is_a_usage_error(project: Project, ini: str, arguments: list[str], message: str, secantus: bool) -> None:
    project.ini(ini)
    project.write(test_it="def test_it(): pass")
    result = project.run(*arguments, *["--secantus"] * secantus)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("secantus_seed = broken.json", "secantus_seed: *broken.json cannot be read: *"),
    ],
)
def test_what_keeps_the_server_of_a_suite_from_starting_is_a_usage_error(project: Project, ini: str, message: str) -> None:
    project.ini(ini)
    project.write(test_it="def test_it(secantus_db): pass")
    (project.pytester.path / "broken.json").write_text("[")
    result = project.run("--secantus")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Error*")
    result.stdout.no_fnmatch_line("*pytest_secantus*")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise ImportError('not here')", "pytest-secantus needs pymongo, but importing it failed: not here"),
        ("version, version_tuple = '4.8.0', (4, 8, 0)", "pytest-secantus needs pymongo 4.9 or later; this is 4.8.0"),
    ],
)
def test_a_driver_that_will_not_do(project: Project, monkeypatch: pytest.MonkeyPatch, module: str, message: str) -> None:
    project.write(test_it="def test_it(secantus_db): pass", **{"drivers/pymongo/__init__": module})
    monkeypatch.setenv("PYTHONPATH", str(project.pytester.path / "drivers"), prepend=os.pathsep)
    result = project.run_apart("--secantus")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    result = project.run_apart()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Error*")
    result.stdout.no_fnmatch_line("*pytest_secantus*")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--secantus-redirect=localhost:27017"], "--secantus-redirect needs --secantus, which runs the server for the whole suite"),
        (["--secantus-dump="], "--secantus-dump has an empty value: write --secantus-dump=VALUE, or leave it out"),
        (["--secantus-shadow="], "--secantus-shadow has an empty value: *"),
        (["--secantus-uri="], "--secantus-uri has an empty value: *"),
        (["--secantus-dump=test_it.py"], "--secantus-dump: *test_it.py cannot be written: File exists"),
        (["--secantus-storage=test_it.py"], "secantus_storage: *test_it.py is not a directory"),
        (["--secantus-storage=test_it.py/in"], "secantus_storage: *test_it.py/in cannot be written: *test_it.py is not a directory that *"),
        (["--secantus-storage=/proc/data"], "secantus_storage: /proc/data cannot be written: /proc is not a directory that *"),
        (["--secantus-uri=mongodb://127.0.0.1:1"], "secantus_uri: the server does not answer: 127.0.0.1:1: *refused*"),
        (["-n", "1", "--secantus-uri=mongodb://127.0.0.1:1"], "secantus_uri: the server does not answer: 127.0.0.1:1: *refused*"),
        (["--secantus", "--secantus-uri=mongodb://127.0.0.1:1"], "secantus_uri: the server does not answer: 127.0.0.1:1: *refused*"),
    ],
)
def test_bad_use_is_a_usage_error(project: Project, arguments: list[str], message: str) -> None:
    project.write(test_it="def test_it(secantus_db): pass")
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize(("body", "outcome"), [("pass", "passed"), ("request.getfixturevalue('secantus_db')", "failed")])
def test_an_external_server_that_is_down(project: Project, body: str, outcome: str) -> None:
    """A run in which no test names a fixture starts."""
    project.write(test_it=f"def test_it(request): {body}")
    result = project.run("--secantus-uri=mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500")
    result.assert_outcomes(**{outcome: 1})
    if outcome == "failed":
        result.stdout.fnmatch_lines(["secantus_uri: the server does not answer: 127.0.0.1:1: *refused*"])


def test_the_command_line_wins(project: Project) -> None:
    project.ini("secantus_isolation = none")
    project.write(test_it="def test_it(): pass")
    result = project.passes("--secantus-isolation=namespace", passed=1)
    result.stdout.fnmatch_lines(["secantus: *isolation namespace"])


@pytest.mark.parametrize("secantus", [[], ["--secantus"]])
def test_the_header_shows_no_password(project: Project, secantus: list[str]) -> None:
    project.write(test_it="def test_it(): pass")
    result = project.run("--secantus-uri=mongodb://user:p%40ss@127.0.0.1:1/", *secantus)
    result.stdout.fnmatch_lines(["secantus: mongodb://127.0.0.1:1/, isolation namespace"])
    assert "p%40ss" not in result.stdout.str() + result.stderr.str()


def test_an_unknown_ini_line_is_an_error_in_strict_configuration(project: Project) -> None:
    project.ini("secantus_isolatoin = none")
    result = project.run("--strict-config")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Unknown config option: secantus_isolatoin*"])


def test_options_are_described(project: Project) -> None:
    result = project.run("--help")
    for name in ("env", "redirect", "seed", "database", "isolation", "storage", "uri"):
        result.stdout.fnmatch_lines([f"*secantus_{name} (*"])


def test_the_marker_is_described(project: Project) -> None:
    project.run("--markers").stdout.fnmatch_lines(["@pytest.mark.secantus_seed(*sources): *"])


@pytest.mark.skipif(INSTALLED, reason="the installed plugin is there before any conftest")
def test_the_plugin_may_be_named_in_a_conftest(project: Project) -> None:
    project.write(
        conftest='pytest_plugins = ["pytest_secantus.plugin"]',
        test_it="""
        def test_it(secantus_db):
            assert secantus_db.list_collection_names() == []
        """,
    )
    project.pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", ("localhost", 27017)),
        ("127.0.0.1:27017", ("localhost", 27017)),
        ("[::1]:1", ("localhost", 1)),
        ("Mongo.Example.org:27018", ("mongo.example.org", 27018)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert read_address(text) == expected == address(*expected)
