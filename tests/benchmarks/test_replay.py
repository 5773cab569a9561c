"""Tests of the replay server: it reads a message, and finds the recorded reply by the message's shape."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest

from tests.benchmarks import replay


def op_msg(document: dict[str, Any], request: int = 7) -> bytes:
    """Return an OP_MSG message with one body section."""
    body = struct.pack("<IB", 0, 0) + bson.encode(document)
    return replay.HEADER.pack(16 + len(body), request, 0, 2013) + body


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"find": "a", "filter": {"x": 1}}, {"find": "a", "filter": {"y": 2}}, True),
        ({"find": "a"}, {"find": "b"}, False),
        ({"find": "a"}, {"count": "a"}, False),
        ({"ping": 1}, {"ping": 1, "lsid": {}}, True),
        ({"getMore": bson.Int64(5)}, {"getMore": bson.Int64(6)}, False),
    ],
)
def test_shape_is_the_first_field(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (replay.shape(op_msg(one)) == replay.shape(op_msg(other))) is same


def test_shape_of_the_legacy_handshake() -> None:
    assert replay.shape(replay.HEADER.pack(16, 1, 0, 2004)) == b"OP_QUERY"


def test_recordings_are_kept_in_a_file(tmp_path: Path) -> None:
    rows = {"ping": {b"key": b"reply"}, "empty": {}}
    replay.save(tmp_path / "file", rows)
    assert replay.load(tmp_path / "file") == rows


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """Provide a connection to a replay server thread with one recorded command."""
    recordings = {replay.shape(op_msg({"ping": 1})): op_msg({"ok": 1.0})}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    thread = threading.Thread(target=replay.answer, args=(server, recordings), daemon=True)
    thread.start()
    client.settimeout(5)
    yield client
    client.close()
    thread.join(5)


def test_a_reply_names_its_request(connection: socket.socket) -> None:
    for request in (11, 12):
        connection.sendall(op_msg({"ping": 1}, request))
        reply = connection.recv(4096)
        assert replay.HEADER.unpack_from(reply)[2] == request
        assert bson.decode(reply[21:]) == {"ok": 1.0}


def test_a_message_may_come_in_pieces(connection: socket.socket) -> None:
    message = op_msg({"ping": 1, "padding": b"x" * 500_000})
    connection.sendall(message[:10])
    connection.sendall(message[10:])
    assert bson.decode(connection.recv(4096)[21:]) == {"ok": 1.0}
