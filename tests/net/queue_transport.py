"""A transport within the process: two queues, without sockets."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from secantus_server.net.transport import Transport

END = b""


class QueueTransport:
    """A Transport whose client sends with `client_sends`, closes with `client_closes`, and finds the server's bytes in `replies`."""

    def __init__(self) -> None:
        self.replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.is_closed = threading.Event()
        self.push: Callable[[bytes], int] | None = None
        self._received: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._client_has_closed = False

    def client_sends(self, data: bytes) -> None:
        """Send bytes to the server."""
        self._received.put(data)

    def client_closes(self) -> None:
        """Close the client's end."""
        self._client_has_closed = True
        self._received.put(END)

    def receive(self) -> bytes:
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        return self._received.get()

    def receive_exactly(self, size: int, start: bytes = b"", timeout_s: float | None = None) -> bytes:
        data = start
        while len(data) < size:
            try:
                piece = self._rest or self._received.get(timeout=timeout_s)
            except queue.Empty:
                raise TimeoutError from None
            if not piece:
                raise EOFError
            data, self._rest = data + piece, b""
        data, self._rest = data[:size], data[size:]
        return data

    def send(self, data: bytes) -> None:
        self.replies.put(data)

    def peek_closed(self) -> bool:
        return self._client_has_closed and not self._rest and self._received.qsize() <= 1

    def shut_down(self) -> None:
        self._received.put(END)

    def close(self) -> None:
        self.replies.put(END)
        self.is_closed.set()


def as_transport(transport: QueueTransport) -> Transport:
    """Return the transport unchanged. The type checker thereby compares the class with the interface."""
    return transport
