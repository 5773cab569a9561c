"""The interface between a connection and the bytes of its client.

`net/plain.py` implements it over TCP, `net/tls.py` with TLS over TCP, and `net/direct.py` within the process. `Listener` selects the
implementation for a connection.
"""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """A reliable byte stream to one client.

    Threads: the serving thread is the one that runs `Connection.serve` or refuses the connection. Only that thread calls the
    methods, with two exceptions: any thread may call `peek_closed`, `stop_receiving` and `shut_down`, and any thread may close
    a connection that has no serving thread. Closing under a thread that still reads is an error: the operating system may reuse
    the descriptor for another connection. The constructor runs in the accept thread and must not block, so the first `receive`
    or `receive_exactly` does the handshake.
    """

    def receive(self) -> bytes:
        """Wait for at least one byte and return the available bytes. Return an empty value at the end of the stream. Only for the serving
        thread.

        Raises:
            OSError: the connection is broken.
        """

    def receive_exactly(self, size: int, start: bytes = b"", timeout_s: float | None = None) -> bytes:
        """Return exactly `size` bytes. For the serving thread.

        Memory use must grow with the bytes received, not with `size`, because a client can announce any size.

        Arguments:
            size: the length of the result.
            start: at most `size` bytes that were received before; the result begins with them.
            timeout_s: the maximum wait for all bytes; None waits without limit.

        Raises:
            EOFError: the stream ended before.
            TimeoutError: they did not arrive within the timeout.
            OSError: the connection is broken.
        """

    def send(self, data: bytes) -> None:
        """Send all bytes. Block while the client does not read. Only for the serving thread.

        Raises:
            OSError: the connection is broken.
        """

    def peek_closed(self) -> bool:
        """Return, without waiting, whether the client has closed the connection and all its bytes were received. Any thread may call this
        method.

        A broken connection counts as closed, so no error is raised.
        """

    def stop_receiving(self) -> None:
        """End the stream from the client, so that a waiting `receive` returns. Sending still works. Any thread may call this method.

        Raises:
            OSError: the stream has already ended.
        """

    def shut_down(self) -> None:
        """End the stream in both directions: a waiting `receive` or `send` of the serving thread returns or raises. For any thread.

        Raises:
            OSError: the stream has already ended.
        """

    def close(self) -> None:
        """Release the resources without ending the stream, which a fork of the process may still use. For the serving thread.

        Raises nothing. A second call does nothing.
        """
