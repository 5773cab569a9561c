"""The transport over TCP with TLS.

OpenSSL encrypts and decrypts buffers in memory, and this module reads and writes the socket itself. Therefore a TLS connection can use
the same compiled receiver as an unencrypted connection, which spins before it blocks. It also lets any thread peek at the socket or shut
it down while the serving thread uses OpenSSL.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from secantus_server.dispatch.client import ClientInfo
from secantus_server.net.certificates import Certificates
from secantus_server.net.plain import PlainTransport
from secantus_server.net.subject import subject_text
from secantus_server.system._clock import monotonic
from secantus_server.wire.header import OtherProtocol, ProtocolError, is_tls

# The maximum number of plaintext bytes in a record.
RECORD_BYTES = 1 << 14
# The size of the pieces in which a large reply is encrypted and sent, so that its encrypted form is never in memory as a whole.
PIECE_BYTES = 1 << 18
# The number of first bytes that distinguish TLS from a MongoDB message.
_START_BYTES = 3
# How to recognise the last record of a client that closes in an orderly way, which is an alert: in TLS 1.2 by the record type
# _ALERT; in TLS 1.3, which disguises the alert as data, by the header and the length of the record (_CLOSING). No message is
# that short.
_ALERT = 21
_CLOSING = (b"\x17\x03\x03\x00\x13", 24)


class TlsTransport:
    """A Transport that uses TLS if the client begins with a TLS handshake. Otherwise it works unencrypted, or fails if TLS is required.

    The handshake takes place in the first call of `receive` or `receive_exactly`, so the accept thread does not wait for it.

    Arguments:
        below: the transport over the connection's socket, which this transport owns from now on.
        certificates: the server's certificates.
        client: the description of the client; the handshake sets its TLS version and certificate subject.
        count: increments the counter with a given name; it counts connections by TLS version, for example `tls.TLSv1.3`.
    """

    receive: Callable[[], bytes]
    send: Callable[[bytes], None]

    def __init__(self, below: PlainTransport, certificates: Certificates, client: ClientInfo, count: Callable[[str], None]) -> None:
        self._below = below
        self._certificates = certificates
        self._client = client
        self._count = count
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._is_open = False
        # The bytes of a plain client that were read to detect TLS but not returned yet.
        self._start = b""
        self.receive = self._receive_first
        self.send = below.send
        self.push: Callable[[bytes], int] | None = None

    def receive_exactly(self, size: int, start: bytes = b"", timeout_s: float | None = None) -> bytes:
        """Wait for `size` bytes and return them, as `Transport.receive_exactly` does."""
        deadline = None if timeout_s is None else monotonic() + timeout_s
        if not self._is_open:
            self._open(deadline)
        if self._tls is None:
            wanted = size - len(start)
            start, self._start = start + self._start[:wanted], self._start[wanted:]
            return self._below.receive_exactly(size, start, timeout_s)
        pieces = [start]
        missing = size - len(start)
        while missing > 0:
            piece = self._decrypt(self._tls, min(missing, RECORD_BYTES), deadline)
            if not piece:
                raise EOFError(f"closed after {size - missing} of {size} bytes")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def peek_closed(self) -> bool:
        """Return whether the client has closed the connection, as `Transport.peek_closed` does."""
        left = self._below.peek(_CLOSING[1] + 1)
        if left is None or self._tls is None:
            return left == b""
        return left == b"" or left[0] == _ALERT or (left.startswith(_CLOSING[0]) and len(left) == _CLOSING[1])

    def stop_receiving(self) -> None:
        """Shut down the socket for receiving.

        Raises:
            OSError: the socket is no longer connected.
        """
        self._below.stop_receiving()

    def shut_down(self) -> None:
        """Shut down the socket in both directions.

        Raises:
            OSError: the socket is no longer connected.
        """
        self._below.shut_down()

    def close(self) -> None:
        """Close the socket's descriptor."""
        self._below.close()

    def _receive_first(self) -> bytes:
        """Detect whether the client uses TLS, then wait for its first bytes and return them."""
        if not self._is_open:
            self._open(None)
        tls = self._tls
        if tls is not None:
            self.receive = partial(self._decrypt, tls, RECORD_BYTES)
            return self.receive()
        self.receive = self._below.receive
        start, self._start = self._start, b""
        return start or self.receive()

    def _open(self, deadline: float | None) -> None:
        """Detect whether the client uses TLS. If it does, perform the handshake.

        Raises:
            EOFError: the connection ended before the first message.
            OtherProtocol: the server requires TLS, but the client does not use it.
            ProtocolError: the handshake failed.
            OSError: as for `receive_exactly`.
        """
        start = b""
        while len(start) < _START_BYTES:
            piece = self._pull(deadline)
            if not piece:
                raise EOFError("closed before the first message")
            start += piece
        if is_tls(start):
            self._tls = self._certificates.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
            self._incoming.write(start)
            self._shake_hands(self._tls, deadline)
            self.send = self._send_encrypted
        elif self._certificates.is_required:
            raise OtherProtocol("received a message without TLS, but the server requires TLS; connect with tls=true")
        self._start = b"" if self._tls else start
        self._is_open = True

    def _shake_hands(self, tls: ssl.SSLObject, deadline: float | None) -> None:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._pull(deadline)
                if not data:
                    raise ProtocolError("the client ended the TLS handshake; it may not accept the server's certificate") from None
                self._incoming.write(data)
            except ssl.SSLError as error:
                with suppress(OSError):
                    # The alert tells the client why.
                    self._flush()
                raise ProtocolError(f"the TLS handshake failed: {_reason(error)}") from None
            else:
                break
        self._flush()
        self._client.tls_version = tls.version()
        self._count(f"tls.{tls.version()}")
        certificate = tls.getpeercert()
        if certificate:
            self._client.tls_subject = subject_text(certificate["subject"])  # type: ignore[arg-type]

    def _decrypt(self, tls: ssl.SSLObject, size: int, deadline: float | None = None) -> bytes:
        """Wait for at least one byte, then return up to `size` decrypted bytes. At the end of the stream, return an empty value."""
        received = bool(self._incoming.pending) or tls.pending() > 0
        while True:
            if received:
                try:
                    return tls.read(size)
                except ssl.SSLWantReadError:
                    # The input was part of a record, or a TLS protocol message that may need a reply.
                    self._flush()
            data = self._pull(deadline)
            if not data:
                return b""
            self._incoming.write(data)
            received = True

    def _send_encrypted(self, data: bytes) -> None:
        """Encrypt all bytes and send them, as `Transport.send` does."""
        assert self._tls is not None, "the handshake is over"
        write = self._tls.write
        done = write(data if len(data) <= PIECE_BYTES else memoryview(data)[:PIECE_BYTES])
        self._below.send(self._outgoing.read())
        if done < len(data):
            left = memoryview(data)[done:]
            while left:
                left = left[write(left[:PIECE_BYTES]) :]
                self._below.send(self._outgoing.read())

    def _pull(self, deadline: float | None) -> bytes:
        return self._below.receive() if deadline is None else self._below.receive_until(deadline)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._below.send(self._outgoing.read())


def _reason(error: ssl.SSLError) -> str:
    """Return the text of a TLS handshake error, with advice if a remedy is known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate is not accepted: {error.verify_message}"
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return _HINTS.get(reason, reason)


_HINTS = {
    "peer did not return a certificate": "the client sent no certificate, but the server requires one; connect with tlsCertificateKeyFile",
    "tlsv1 alert unknown ca": "the client does not know the authority of the server's certificate; connect with tlsCAFile",
    "unsupported protocol": "the client's version of TLS is older than tls_min_version",
}
