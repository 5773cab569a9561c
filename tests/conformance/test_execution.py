"""Workers, servers and the command line, with the null server."""

from __future__ import annotations

import json
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from secantus_conformance.cli import main
from secantus_conformance.commands import fetch
from secantus_conformance.environment import discover
from secantus_conformance.execution.in_process import reach
from secantus_conformance.execution.pool import Pool
from secantus_conformance.execution.servers import NULL, CommandServer, ExternalServer, Server, is_bundled, make_servers
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Group, Result, TestCase, Verdict

ENTITIES = [
    {"client": {"id": "client0", "observeEvents": ["commandStartedEvent"]}},
    {"database": {"id": "database0", "client": "client0", "databaseName": "d"}},
    {"collection": {"id": "collection0", "database": "database0", "collectionName": "c"}},
    {"session": {"id": "session0", "client": "client0"}},
]
FIND = {"name": "find", "object": "collection0", "arguments": {"filter": {}}}


@pytest.fixture(autouse=True)
def _path_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers and servers, which are separate processes, find the packages on the same path as this process."""
    monkeypatch.setenv("PYTHONPATH", ":".join(entry for entry in sys.path if entry))


def unified(name: str, *operations: dict[str, Any], **test: Any) -> TestCase:
    file = {
        "description": name,
        "schemaVersion": "1.0",
        "createEntities": ENTITIES,
        "tests": [{"description": name, "operations": list(operations), **test}],
    }
    return TestCase(name, Path("none"), 0, "crud.find", Group.SERVER, "unified", json.dumps(file))


def wait(milliseconds: int) -> dict[str, Any]:
    return {"name": "wait", "object": "testRunner", "arguments": {"ms": milliseconds}}


def ask(command: dict[str, Any]) -> dict[str, Any]:
    return {"name": "runCommand", "object": "database0", "arguments": {"command": command, "commandName": next(iter(command))}}


def run(cases: list[TestCase], timeout: float = 20.0, servers: list[Server] | None = None) -> dict[str, Result]:
    results: dict[str, Result] = {}
    Pool(servers or [CommandServer(NULL)], timeout).run(cases, lambda result: results.update({result.id: result}))
    return results


def test_verdicts_of_a_worker() -> None:
    event = {"commandStartedEvent": {"command": {"find": "c", "lsid": {"$$exists": True}}}}
    results = run(
        [
            unified("passes", {**FIND, "expectResult": []}, expectEvents=[{"client": "client0", "events": [event]}]),
            unified("fails", {**FIND, "expectResult": [{"_id": 1}]}),
            unified("no event", expectEvents=[{"client": "client0", "events": [event]}]),
            unified("too many events", FIND, expectEvents=[{"client": "client0", "events": []}]),
            unified("extra events", FIND, expectEvents=[{"client": "client0", "events": [], "ignoreExtraEvents": True}]),
            unified("outcome", outcome=[{"databaseName": "d", "collectionName": "c", "documents": [{"_id": 1}]}]),
            unified("unknown operation", {"name": "nope", "object": "collection0"}),
            unified("unknown argument", {**FIND, "arguments": {"filter": {}, "nope": 1}}),
            unified("missing argument", {"name": "find", "object": "collection0"}),
            unified("unknown entity", {"name": "find", "object": "collection1", "arguments": {"filter": {}}}),
            unified("mistyped entity", {**FIND, "arguments": {"filter": {}, "session": "client0"}}),
            unified("no error", {**FIND, "expectError": {"isError": True}}),
            unified("client error", {"name": "commitTransaction", "object": "session0", "expectError": {"isClientError": True}}),
            unified("unexpected error", {"name": "commitTransaction", "object": "session0"}),
            unified("requirement", FIND, runOnRequirements=[{"topologies": ["sharded"]}]),
            unified("client cannot", {"name": "count", "object": "collection0", "arguments": {"filter": {}}}),
            unified("suite", FIND, skipReason="because"),
        ]
    )
    assert {name: (result.verdict.value, result.kind) for name, result in results.items()} == {
        "passes": ("passed", ""),
        "fails": ("failed", "result"),
        "no event": ("failed", "event"),
        "too many events": ("failed", "event"),
        "extra events": ("passed", ""),
        "outcome": ("failed", "outcome"),
        "unknown operation": ("error", "unsupported-operation"),
        "unknown argument": ("error", "unsupported-argument"),
        "missing argument": ("error", "missing-argument"),
        "unknown entity": ("error", "undefined-entity"),
        "mistyped entity": ("error", "entity-type"),
        "no error": ("failed", "unexpected-success"),
        "client error": ("passed", ""),
        "unexpected error": ("failed", "unexpected-error"),
        "requirement": ("skipped", "requirement"),
        "client cannot": ("skipped", "client cannot"),
        "suite": ("skipped", "suite"),
    }
    assert results["fails"].expected == '[\n {\n  "_id": 1\n }\n]'
    assert results["fails"].actual == "[]"


def test_a_test_that_hangs_is_killed_and_the_rest_goes_on() -> None:
    results = run([unified("before", FIND), unified("hangs", wait(60_000)), unified("after", FIND)], timeout=1.0)
    assert [results[name].verdict for name in ("before", "hangs", "after")] == [Verdict.PASSED, Verdict.TIMEOUT, Verdict.PASSED]


# Listens like the null server, and exits shortly after a request for a document.
MORTAL = NULL.replace("-m secantus_conformance.null_server", f"{Path(__file__).with_name('mortal_server.py')}")


def test_a_server_that_dies_is_told_and_replaced() -> None:
    results = run([unified("kills", ask({"find": "mortal"})), unified("passes", wait(1))], servers=[CommandServer(MORTAL)])
    assert results["kills"].kind == "server-died"
    assert "server exited with code 7" in results["kills"].reason
    assert results["passes"].verdict is Verdict.PASSED


def test_a_server_that_dies_between_tests_is_the_fault_of_the_first() -> None:
    results = run([unified("kills", ask({"shutdown": 1})), unified("innocent", wait(300), FIND)], servers=[CommandServer(MORTAL)])
    assert results["innocent"].verdict is Verdict.PASSED
    assert (results["kills"].verdict, results["kills"].kind) == (Verdict.FAILED, "server-died")


def test_a_server_that_nobody_runs() -> None:
    with pytest.raises(UsageError, match=r"No MongoDB server answers at mongodb://127.0.0.1:9: .*refused\.$"):
        run([unified("x", FIND)], servers=[ExternalServer("mongodb://127.0.0.1:9")])
    with pytest.raises(UsageError, match="at nonsense: Invalid URI scheme"):
        run([unified("x", FIND)], servers=[ExternalServer("nonsense")])


def test_a_command_that_starts_nothing() -> None:
    with pytest.raises(UsageError, match="did not start"):
        CommandServer(f"{sys.executable} -c 'print(1)' {{port}}").start()
    with pytest.raises(UsageError, match="cannot be started"):
        CommandServer("/nowhere/mongod {port}").start()


def test_a_preferred_port_is_used_unless_it_is_taken() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first, second = CommandServer(NULL, port), CommandServer(NULL, port)
    try:
        assert first.start() == f"mongodb://127.0.0.1:{port}"
        assert second.start() != f"mongodb://127.0.0.1:{port}"
    finally:
        first.stop()
        second.stop()


def test_servers_are_not_shared_by_workers() -> None:
    with pytest.raises(UsageError, match="pass --uri once per worker"):
        make_servers(["mongodb://h"], None, 2)
    with pytest.raises(UsageError, match=r"must contain \{port\}"):
        make_servers([], "mongod", 1)
    for uris, command in ((["mongodb://h"], None), ([], "mongod --port {port}")):
        with pytest.raises(UsageError, match="--auth is for the bundled server"):
            make_servers(uris, command, 1, auth=True)
        with pytest.raises(UsageError, match="--direct is for the bundled server without access control"):
            make_servers(uris, command, 1, direct=True)
    assert len(make_servers([], None, 3)) == 3


def test_a_bundled_server_with_access_control() -> None:
    (server,) = make_servers([], None, 1, auth=True)
    assert is_bundled(server)
    try:
        environment = discover(server.start())
        assert environment.auth
        with MongoClient(environment.uri_of_first_host()) as client:
            assert client.test.c.count_documents({}) == 0
    finally:
        server.stop()


def test_a_server_in_the_worker() -> None:
    (server,) = make_servers([], None, 1, direct=True)
    assert is_bundled(server)
    wrong = {**FIND, "expectResult": [{"_id": 1}]}
    results = run([unified("good", FIND), unified("bad", wrong)], servers=[server])
    assert {name: result.verdict for name, result in results.items()} == {"good": Verdict.PASSED, "bad": Verdict.FAILED}


def test_clients_of_a_server_in_the_worker_use_no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a client opens a socket")

    (server,) = make_servers([], None, 1, direct=True)
    with ExitStack() as cleanup:
        uri = reach(server.start(), cleanup)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        assert discover(uri).topology == "replicaset"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--specs", "/nowhere"], "is not a checkout"),
        (["fetch", "--specs", "/nowhere"], "is not a checkout"),
        (["docs", "/nowhere", "-o", "x"], "is not a JSON report"),
        (["drivers", "cobol"], "Unknown driver suite 'cobol'"),
        (["cases", "/nowhere"], "cannot be read"),
        (["ratchet", "x", "--from", "/nowhere"], "is not a JSON report"),
        (["run", "-n", "0"], "'0' is not a positive integer"),
        (["run", "--timeout", "soon"], "'soon' is not a positive number of seconds"),
        (["run", "--report", f"{__file__}/x"], "is not writable"),
        (["run", "--specs"], "expected one argument"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as end:
        code = end.code
    assert code == 2
    message = capsys.readouterr().err
    assert words in message
    assert len(message.strip().splitlines()) == 1


def test_the_signal_that_ends_a_program_is_an_interruption(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def terminate(_: object) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(fetch, "run", terminate)
    assert main(["fetch"]) == 2
    assert capsys.readouterr().err == "secantus-conformance: interrupted\n"
    assert signal.getsignal(signal.SIGTERM) == before


def checkout(tmp_path: Path, version: str = "1.0") -> list[str]:
    """A checkout with one file of two tests, one of which passes against the null server."""
    path = tmp_path / "source/crud/tests/unified/find.json"
    path.parent.mkdir(parents=True)
    (tmp_path / "source/unified-test-format").mkdir()
    tests = [{"description": "good", "operations": [FIND]}, {"description": "bad", "operations": [{**FIND, "expectResult": [{"_id": 1}]}]}]
    path.write_text(
        json.dumps({"description": "f", "schemaVersion": version, "createEntities": ENTITIES, "tests": tests}), encoding="utf-8"
    )
    return ["run", "--specs", str(tmp_path), "--server", NULL]


def test_run_reports_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*checkout(tmp_path), "--report", str(tmp_path / "out")]) == 1
    assert "1 of 2 eligible tests passed" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.json", "junit.xml", "report.html"}


def test_run_exits_with_0(tmp_path: Path) -> None:
    assert main([*checkout(tmp_path), "--match", "good"]) == 0


def test_run_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*checkout(tmp_path), "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "crud.find\tdriver observability\tcrud/unified/find::good",
        "crud.find\tserver behaviour\tcrud/unified/find::bad",
    ]


def test_fetch_looks_at_a_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout(tmp_path)
    assert main(["fetch", "--specs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"The suites of mongodb/specifications unknown are in {tmp_path / 'source'}: 2 tests that need a server."
    assert f"--specs {tmp_path}" in lines[1]


def test_run_refuses_a_version_of_the_future(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(checkout(tmp_path, "1.99")) == 2
    assert "schema version 1.99; this runner supports 1.0 to 1.28" in capsys.readouterr().err


def test_run_by_the_ratchet(tmp_path: Path) -> None:
    arguments = checkout(tmp_path)
    ratchet = tmp_path / "ratchet.txt"
    ratchet.write_text("crud/unified/find::good\n", encoding="utf-8")
    assert main([*arguments, "--ratchet", str(ratchet)]) == 0
    ratchet.write_text("crud/unified/find::bad\n", encoding="utf-8")
    assert main([*arguments, "--ratchet", str(ratchet)]) == 1


FICKLE = NULL.replace("-m secantus_conformance.null_server", f"{Path(__file__).with_name('fickle_server.py')}")


def test_what_does_not_pass_is_run_again_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FICKLE_SERVER_MARK", str(tmp_path / "mark"))
    arguments = [FICKLE if argument == NULL else argument for argument in checkout(tmp_path)] + ["--match", "bad"]
    assert main([*arguments, "--retry"]) == 0
    assert "Passed only on a second run in isolation: crud/unified/find::bad" in " ".join(capsys.readouterr().out.split())
    (tmp_path / "mark").unlink()
    assert main(arguments) == 1
