"""The interface between a connection and the bytes of its client.

`net/plain.py` implements it over TCP, `net/tls.py` with TLS over TCP, and `net/direct.py` within the process. `Listener` selects the
implementation for a connection.
"""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.records import Protocol


class Transport(Protocol):
    """A reliable byte stream to one client.

    Threads: the serving thread is the one that runs `Connection.serve` or refuses the connection. Only that thread calls the
    methods, with two exceptions. Any thread may call `peek_closed`, `stop_receiving` and `shut_down`. Any thread may call `close` on
    a connection that has no serving thread. Closing while a thread still reads is an error, because the operating system may reuse
    the descriptor for another connection. The constructor runs in the accept thread and must not block, so the first `receive`
    or `receive_exactly` performs the TLS handshake.
    """

    #: Send as many bytes as possible without waiting, and return their number. A broken connection counts as full, so no error is raised.
    #: Any thread may call this function while the serving thread uses neither the transport nor this function. None if the transport
    #: cannot do this.
    push: Callable[[bytes], int] | None

    def receive(self) -> bytes:
        """Wait for at least one byte, then return all available bytes. At the end of the stream, return an empty value.

        Only the serving thread may call this method.

        Raises:
            OSError: the connection is broken.
        """

    def receive_exactly(self, size: int, start: bytes = b"", timeout_s: float | None = None) -> bytes:
        """Wait for `size` bytes and return them. Only the serving thread may call this method.

        Memory use must grow with the bytes received, not with `size`, because a client can announce any size.

        Arguments:
            size: the length of the result.
            start: bytes that were already received, at most `size`; the result begins with them.
            timeout_s: the maximum wait for all bytes; None waits without limit.

        Raises:
            EOFError: the stream ended before `size` bytes arrived.
            TimeoutError: the bytes did not arrive within the timeout.
            OSError: the connection is broken.
        """

    def send(self, data: bytes) -> None:
        """Send all bytes, and block while the client does not read. Only the serving thread may call this method.

        Raises:
            OSError: the connection is broken.
        """

    def peek_closed(self) -> bool:
        """Return True if the client has closed the connection and no received bytes are unread. Do not wait.

        Any thread may call this method. A broken connection counts as closed, so no error is raised.
        """

    def stop_receiving(self) -> None:
        """Shut down the receiving direction of the stream, so that a blocked `receive` returns. Sending still works.

        Any thread may call this method.

        Raises:
            OSError: the stream has already ended.
        """

    def shut_down(self) -> None:
        """Shut down the stream in both directions, so that a blocked `receive` or `send` of the serving thread returns or raises.

        Any thread may call this method.

        Raises:
            OSError: the stream has already ended.
        """

    def close(self) -> None:
        """Release the transport's resources. Do not shut down the stream, because a fork of the process may still use it.

        Only the serving thread may call this method. It raises no error, and a second call has no effect.
        """
