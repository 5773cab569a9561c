"""The replay server, also called the floor. It replies with recorded replies and computes nothing, so that no Python server can be
faster.

``python -m tests.benchmarks.replay FILE [--eager]`` reads recordings and listens on one port per row of the table. Thus the port of a
connection selects its recording, without any cost per message. Within a row, the command's shape selects the reply. The shape is the name
and value of the command's first field (``find: "bench"``). Only the field responseTo is changed in a recorded reply.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import bson

Recordings = dict[bytes, bytes]

HEADER = struct.Struct("<iiii")
OP_QUERY = 2004
FIRST_FIELD = 25  # header 16, flags 4, section kind 1, document length 4
READ_SIZE = 262_144
PATIENCE_S = 300e-6  # the same as in our server


def shape(message: bytes | bytearray | memoryview) -> bytes:
    """Return the key under which a reply is recorded: the command's first field, or a constant for the legacy handshake."""
    if message[12] == OP_QUERY & 0xFF and message[13] == OP_QUERY >> 8:
        return b"OP_QUERY"
    head = bytes(message[FIRST_FIELD : FIRST_FIELD + 200])
    name_end = head.index(b"\0", 1) + 1
    if head[0] == 2:
        (length,) = struct.unpack_from("<i", head, name_end)
        return head[: name_end + 4 + length]
    return head[: name_end + (4 if head[0] == 16 else 8)]


def read_message(connection: socket.socket, buffer: bytearray) -> memoryview | None:
    """Read one message into `buffer`, enlarging it if necessary, and return the message. Return None if the peer has closed the
    connection.
    """
    got = connection.recv_into(buffer)
    if not got:
        return None
    while got < 16:
        got += connection.recv_into(memoryview(buffer)[got:])
    length = int.from_bytes(buffer[:4], "little")
    if length > len(buffer):
        buffer.extend(bytes(length - len(buffer)))
    while got < length:
        more = connection.recv_into(memoryview(buffer)[got:length])
        if not more:
            return None
        got += more
    return memoryview(buffer)[:length]


def look(connection: socket.socket) -> None:
    """Spin until a message arrives or the time limit expires."""
    until = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < until:
        try:
            connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            os.sched_yield()
        else:
            return


def answer(connection: socket.socket, recordings: Recordings, eager: bool = False) -> None:
    """Serve one connection until it is closed. Close it at a command that was not recorded, so that the error is noticed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(READ_SIZE)
    replies = {key: bytearray(reply) for key, reply in recordings.items()}
    with connection:
        while True:
            if eager:
                look(connection)
            message = read_message(connection, buffer)
            if message is None:
                return
            reply = replies[shape(message)]
            reply[8:12] = message[4:8]
            message.release()
            connection.sendall(reply)


def accept_forever(listener: socket.socket, recordings: Recordings, eager: bool = False) -> None:
    """Accept connections, and serve each in a separate thread."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, recordings, eager), daemon=True).start()


def load(path: Path) -> dict[str, Recordings]:
    """Read the recordings of all rows from a file, which contains a BSON document with a list of keys and replies for each row."""
    rows = bson.decode(path.read_bytes())
    return {row: {bytes(pair["key"]): bytes(pair["reply"]) for pair in pairs} for row, pairs in rows.items()}


def save(path: Path, rows: dict[str, Recordings]) -> None:
    """Write recordings to a file that `load` can read."""
    document = {row: [{"key": key, "reply": reply} for key, reply in pairs.items()] for row, pairs in rows.items()}
    path.write_bytes(bson.encode(document))


def main() -> None:
    """Listen for every row, print ``row<TAB>port`` lines and an empty line, then serve until standard input is closed."""
    eager = "--eager" in sys.argv[2:]
    for row, recordings in load(Path(sys.argv[1])).items():
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=accept_forever, args=(listener, recordings, eager), daemon=True).start()
        print(row, listener.getsockname()[1], sep="\t")
    print(flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
