"""The recording of a real server's replies by a proxy, which runs between the server and pymongo while a row runs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.replay import READ_SIZE, Recordings, read_message, shape


class Tap:
    """A proxy that forwards messages to `port` and records every reply under its command's shape."""

    def __init__(self, port: int) -> None:
        self.recordings: Recordings = {}
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop accepting connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(connection,), daemon=True).start()

    def _pass_on(self, connection: socket.socket) -> None:
        request, reply = bytearray(READ_SIZE), bytearray(READ_SIZE)
        with connection, socket.create_connection(("127.0.0.1", self._target)) as server:
            while (message := read_message(connection, request)) is not None:
                key = shape(message)
                server.sendall(message)
                message.release()
                answered = read_message(server, reply)
                if answered is None:
                    return
                self.recordings[key] = bytes(answered)
                connection.sendall(answered)
                answered.release()


@contextmanager
def tap(port: int) -> Iterator[Tap]:
    """Run a `Tap` in front of the server at `port` within the block."""
    recorder = Tap(port)
    try:
        yield recorder
    finally:
        recorder.close()
