"""One client's connection: read a message, run its command, send the reply.

This is the one place where an exception becomes a reply.
"""

from __future__ import annotations

import _socket
import itertools

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.dispatcher import dispatch, error_reply
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.net._peers import is_own_process
from secantus_server.net._receive import Receiver, Turn
from secantus_server.storage.errors import StorageError
from secantus_server.system.sockets import Socket
from secantus_server.wire.header import HEADER_SIZE, Header, ProtocolError, parse_header
from secantus_server.wire.message import Message
from secantus_server.wire.messages import build_reply, parse_message


class Connection:
    """A connection; `serve` runs in a thread of its own until the client or the server ends it.

    Arguments:
        turn: which of the server's connections had the last message.
    """

    def __init__(self, sock: Socket, client: ClientInfo, services: Services, turn: Turn) -> None:
        self.client = client
        self._sock = sock
        self._receiver = Receiver(sock, turn, is_own_process(sock.fileno()))
        self._services = services
        self._request_ids = itertools.count(1)
        self._left_over = b""
        # Why the server has to end, as soon as the client knows it.
        self._failure: StorageError | None = None

    def serve(self) -> None:
        """Answer messages until the connection ends."""
        try:
            while (received := self._receive()) is not None:
                self._answer(*received)
        except ProtocolError as error:
            self._services.log.info(f"connection {self.client.connection_id}: closed: {error}")
        except OSError as error:
            self._services.log.debug(f"connection {self.client.connection_id}: {error}")
        finally:
            self.close()

    def end(self) -> None:
        """End the connection: the thread that serves it wakes and closes it. Only that one may: it could read another's socket."""
        try:
            self._sock.shutdown(_socket.SHUT_RDWR)
        except OSError:
            self._services.log.debug(f"connection {self.client.connection_id}: was already closed")

    def is_abandoned(self) -> bool:
        """Whether the client has ended the connection; for another thread than its own, while that runs a command."""
        try:
            return self._sock.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """End the connection and give back its socket; for the thread that serves it, or where there is none."""
        self.end()
        self._sock.close()

    def abandon(self) -> None:
        """Give back this process's copy of the socket; the connection goes on in another process."""
        self._sock.close()

    def _receive(self) -> tuple[Header, bytes] | None:
        """The next whole message, or None at the end."""
        data = self._left_over or self._receiver.receive()
        while 0 < len(data) < HEADER_SIZE:
            more = self._receiver.receive()
            if not more:
                return None
            data += more
        if not data:
            return None
        header = parse_header(data)
        if len(data) < header.length:
            rest = self._receive_rest(data, header.length)
            if rest is None:
                return None
            data = rest
        self._left_over = data[header.length :]
        return header, data if len(data) == header.length else data[: header.length]

    def _receive_rest(self, start: bytes, length: int) -> bytes | None:
        """A long message, read in pieces: memory grows with what came, not with what the header announces."""
        pieces = [start]
        missing = length - len(start)
        while missing > 0:
            piece = self._sock.recv(min(missing, 1 << 20))
            if not piece:
                return None
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _answer(self, header: Header, raw: bytes) -> None:
        """Run a message's command and send the reply, or as many as an exhaust command gives.

        Each further exhaust reply answers the one before it: its `responseTo` is that reply's request id, which Java's driver checks.
        """
        message = parse_message(header, raw)
        self.client.bytes_in += header.length
        self.client.requests += 1
        while True:
            request, reply = self._run(message)
            next_body = request.next_body if request is not None and message.exhaust_allowed else None
            if not message.more_to_come:
                reply_id = next(self._request_ids) & 0x7FFFFFFF
                data = self._bytes_of(message, reply, reply_id, next_body is not None)
                self._sock.sendall(data)
                self.client.bytes_out += len(data)
                message.request_id = reply_id
            if next_body is None:
                break
            message.body = next_body
        if self._failure is not None:
            self._services.fail(self._failure)

    def _run(self, message: Message) -> tuple[Request | None, Reply]:
        if message.error is not None:
            return None, error_reply(message.error, self._services)
        try:
            return dispatch(message, self._services, self.client)
        except CommandError as error:
            if isinstance(error, StorageError) and error.fatal:
                self._failure = error
            return None, error_reply(error, self._services)
        except RecursionError:
            return None, error_reply(CommandError(15, "the command is nested too deeply"), self._services)
        except MemoryError:
            return None, error_reply(CommandError(146, "the command needs more memory than there is"), self._services)
        except Exception as error:  # noqa: BLE001 - whatever we did wrong must not end the server; it is logged and said.
            return None, self._mistake(message, error)

    def _mistake(self, message: Message, error: Exception) -> Reply:
        """The reply for an error that is ours."""
        name = next(iter(message.body))
        self._services.log.error(f"the command {name} failed inside the server", error)
        text = f"Secantus made a mistake in the command {name}: {type(error).__name__}: {error}"
        return error_reply(CommandError(1, text), self._services)

    def _bytes_of(self, message: Message, reply: Reply, reply_id: int, more: bool) -> bytes:
        """Return the reply's bytes, or those of an error if the reply cannot be written because it is too large."""
        try:
            return build_reply(message, reply, reply_id, more)
        except CommandError as error:
            return build_reply(message, error_reply(error, self._services), reply_id)
        except Exception as error:  # noqa: BLE001 - as in _run.
            return build_reply(message, self._mistake(message, error), reply_id)
