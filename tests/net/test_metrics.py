"""The HTTP port for metrics."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from secantus_server import SecantusDBServer
from secantus_server.net.listener import ListenError


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", metrics_port=free_port(), require_auth=True) as running:
        yield running


def fetch(server: SecantusDBServer, path: str = "/metrics", **options: str) -> str:
    url = f"http://127.0.0.1:{server.settings.metrics_port}{path}"
    with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=20) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return str(response.read().decode())


def test_metrics(server: SecantusDBServer) -> None:
    with MongoClient(server.uri) as client:
        client.admin.command("hello")
        text = fetch(server)
    samples = dict(re.findall(r"^(secantus_[a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE))
    assert float(samples['secantus_connections{state="current"}']) >= 1
    assert float(samples['secantus_operations_total{type="command"}']) >= 1
    assert float(samples["secantus_uptime_seconds"]) >= 0
    assert samples["secantus_operations_running"] == "0" or int(samples["secantus_operations_running"]) > 0
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) secantus_\w+ .+|secantus_\w+(\{\w+=\"[^\"]*\"\})? [-+.e\d]+", line), line
    helps = re.findall(r"^# HELP (\w+)", text, re.MULTILINE)
    assert len(helps) == len(set(helps))


def test_other_requests(server: SecantusDBServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(server, "/")
    with pytest.raises(urllib.error.HTTPError, match="405"):
        fetch(server, method="POST")
    assert fetch(server, method="HEAD") == ""
    with socket.create_connection(("127.0.0.1", server.settings.metrics_port)) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 405")
    assert "secantus_info" in fetch(server, "/metrics?x=1")


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match="for metrics: Address already in use"):
            SecantusDBServer(port=0, storage_path=":memory:", metrics_port=port).start()
