"""The server's settings in the ini file, and each worker's share of ports and memory."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from pytest_secantus.server_settings import parse_settings, settings_of_worker
from secantus_server.storage.configuration import memory_size_mb
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

WORKER = {"PYTEST_XDIST_WORKER": "gw3", "PYTEST_XDIST_WORKER_COUNT": "4"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], {}),
        (["port = 27017", "cursor_timeout_s=1"], {"port": 27017, "cursor_timeout_s": 1}),
        (["replica_set ="], {"replica_set": ""}),
        (['replica_set = ""'], {"replica_set": ""}),
        (["replica_set = rs0", "log_level = 'error'"], {"replica_set": "rs0", "log_level": "error"}),
        (["enable_test_commands = yes", "sync_on_commit = False"], {"enable_test_commands": True, "sync_on_commit": False}),
    ],
)
def test_lines(lines: list[str], expected: dict[str, Any]) -> None:
    assert parse_settings(lines) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("port", "'port' does not have the form name = value"),
        ("port = many", "port must be a whole number, not 'many'"),
        ("port = 70000", "port must be between 0 and 65535"),
        ("sync_on_commit = perhaps", "sync_on_commit must be yes or no"),
        ("prot = 1", "unknown setting 'prot'; did you mean 'port'"),
        ("storage_path = x", "storage_path cannot be set here: use secantus_storage"),
        ("host = 0.0.0.0", "host cannot be set here"),
    ],
)
def test_what_cannot_be(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_settings([line])


@pytest.mark.parametrize(
    ("settings", "in_memory", "environ", "expected"),
    [
        ({}, True, {}, {"port": 0}),
        ({"port": 27017}, True, {}, {"port": 27017}),
        ({"port": 27017}, False, WORKER, {"port": 27020}),
        ({"port": 0}, False, WORKER, {"port": 0}),
        ({}, False, WORKER, {"port": 0}),
        ({}, True, WORKER, {"port": 0, "cache_size_mb": memory_size_mb(None) // 4}),
        ({"cache_size_mb": 100}, True, WORKER, {"port": 0, "cache_size_mb": 100}),
    ],
)
def test_shares(settings: dict[str, Any], in_memory: bool, environ: dict[str, str], expected: dict[str, Any]) -> None:
    assert settings_of_worker(settings, in_memory, environ) == expected


def test_a_server_with_settings(project: Project) -> None:
    project.ini("secantus_settings =", "    replica_set =", "    cursor_timeout_s = 7", "    cache_size_mb = 64")
    project.write(
        test_it="""
        def test_it(secantus_server, secantus_client):
            assert (secantus_server.settings.cursor_timeout_s, secantus_server.settings.cache_size_mb) == (7, 64)
            assert "setName" not in secantus_client.admin.command("hello")
        """
    )
    project.passes(passed=1)
    project.passes("--secantus", passed=1)


@pytest.mark.parametrize(
    ("lines", "arguments", "message"),
    [
        (["prot = 1"], (), "secantus_settings: *unknown setting 'prot'*"),
        (["port = 1"], ("--secantus-uri=mongodb://h",), "secantus_settings cannot be combined with secantus_uri*"),
    ],
)
def test_a_mistake_is_a_usage_error(project: Project, lines: list[str], arguments: tuple[str, ...], message: str) -> None:
    project.ini("secantus_settings =", *(f"    {line}" for line in lines))
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_a_port_that_is_taken(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        project.ini("secantus_settings =", f"    port = {port}")
        result = project.run("--secantus")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *secantus_settings port = {port}: the server cannot be started: Port {port} of * is in use*"])


def two_free_ports() -> int:
    """Return the lower of two adjacent free ports outside the range from which the system assigns ports."""
    for port in range(20_000 + os.getpid() % 1000 * 10, 32_000, 2):
        try:
            with socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
                return port
        except OSError:
            continue
    raise AssertionError("no two ports are free")


def test_workers_take_neighbouring_ports(project: Project) -> None:
    pytest.importorskip("xdist")
    port = two_free_ports()
    project.ini("secantus_settings =", f"    port = {port}")
    project.write(
        test_it=f"""
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_it(n, secantus_server, worker_id):
            assert worker_id in ("gw0", "gw1")
            assert secantus_server.port == {port} + int(worker_id.removeprefix("gw"))
            assert secantus_server.settings.cache_size_mb > 0
        """
    )
    result = project.run_apart("--secantus", "-n", "2")
    result.assert_outcomes(passed=4)
    assert "crashed" not in result.stdout.str() + result.stderr.str()
