"""Detection of clients in the server's own process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from secantus_server.net._peers import is_own_process


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family, host = request.param
    try:
        opened = socket.create_server((host, 0), family=family)
    except OSError as error:
        pytest.skip(f"no such address here: {error}")
    with opened:
        yield opened


def test_a_socket_of_this_process(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()[:2]), listener.accept()[0] as accepted:
        assert is_own_process(accepted.fileno())


def test_a_socket_of_another_process(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    code = f"import socket; s = socket.create_connection(({host!r}, {port})); s.recv(1)"
    with subprocess.Popen([sys.executable, "-c", code]) as other:
        with listener.accept()[0] as accepted:
            assert not is_own_process(accepted.fileno())
        other.wait(10)


def test_a_descriptor_without_a_peer(listener: socket.socket) -> None:
    assert not is_own_process(listener.fileno())
    assert not is_own_process(10_000)


def test_other_sockets_keep_their_mode(listener: socket.socket) -> None:
    socket.setdefaulttimeout(5)
    try:
        with socket.create_connection(listener.getsockname()[:2]) as client, listener.accept()[0] as accepted:
            client.setblocking(True)
            assert is_own_process(accepted.fileno())
            assert client.getblocking()
            assert os.get_blocking(client.fileno())
    finally:
        socket.setdefaulttimeout(None)
