"""A client's connection, which reads messages, runs their commands and sends the replies.

This is the only place where an exception becomes a reply.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.dispatcher import dispatch, error_reply
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.errors import CloseConnection, CommandError
from secantus_server.net.transport import Transport
from secantus_server.storage.errors import StorageError
from secantus_server.wire.header import HEADER_SIZE, OP_COMPRESSED, Header, OtherProtocol, ProtocolError, parse_header
from secantus_server.wire.message import Message
from secantus_server.wire.messages import build_reply, parse_message
from secantus_server.wire.op_compressed import decompressed_size

#: The maximum length of a message from a client that has not authenticated, on a server that requires it. The messages that such a client
#: may send are much shorter: a hello, the messages of a login, the creation of the first user.
MAX_UNAUTHENTICATED_BYTES = 1 << 16
#: The errors that end a connection.
ENDING = (ProtocolError, OSError, EOFError, CloseConnection)


class Connection:
    """A connection of a client. `serve` runs in its own thread until the client or the server ends the connection.

    Arguments:
        transport: the byte stream to the client. The connection owns it and closes it.
    """

    def __init__(self, transport: Transport, client: ClientInfo, services: Services) -> None:
        self.client = client
        self._transport = transport
        self._services = services
        self._request_ids = itertools.count(1)
        self._express = services.express(services, client)
        self._left_over = b""
        # The fatal error because of which the server must stop after the client has received its reply.
        self._failure: StorageError | None = None

    def serve(self) -> None:
        """Answer messages until the connection ends."""
        # Only a server with access control limits the length of messages, and it has no express lane.
        receive = self._answer_express if self._services.access is None else self._receive_checked
        try:
            while (received := receive()) is not None:
                header, raw = received
                self.answer(parse_message(header, raw), header.length)
        except ENDING as error:
            self.note_end(error)
        finally:
            self.close()

    def note_end(self, error: Exception) -> None:
        """Log the error that ends the connection.

        Arguments:
            error: an exception of one of the types in `ENDING`.
        """
        log, text = self._services.log, f"connection {self.client.connection_id}: "
        if isinstance(error, OtherProtocol):
            log.warning(f"{text}closed: {error}")
        elif isinstance(error, ProtocolError):
            log.info(f"{text}closed: {error}", component="NETWORK")
        else:
            log.debug(f"{text}{error}", component="NETWORK")

    def end(self) -> None:
        """Wake the serving thread so that it closes the connection. Any thread may call this method.

        Only the serving thread may close the connection. Otherwise the descriptor could be reused while that thread still reads from it.
        """
        try:
            self._transport.shut_down()
        except OSError:
            self._services.log.debug(f"connection {self.client.connection_id}: was already closed", component="NETWORK")

    def finish(self) -> None:
        """End the connection after the running command's reply is sent. Any thread may call this method."""
        try:
            self._transport.stop_receiving()
        except OSError:
            self._services.log.debug(f"connection {self.client.connection_id}: was already closed", component="NETWORK")

    def peek_closed(self) -> bool:
        """Return whether the client has closed the connection. Other threads may call this method while the serving thread runs a
        command.
        """
        return self._transport.peek_closed()

    def close(self) -> None:
        """End the connection and release its transport.

        Only the serving thread may call this method. If there is no serving thread, any thread may call it.
        """
        self.end()
        self._transport.close()

    def abandon(self) -> None:
        """Release a forked child's copy of the transport. The connection continues in the parent process."""
        self._transport.close()

    def _answer_express(self) -> tuple[Header, bytes] | None:
        """Answer messages on the express lane, and return the first message whose command the general path must run.

        Return None at the end of the connection.
        """
        express, transport = self._express, self._transport
        while True:
            if not self._left_over:
                data, is_refused = express.answer_all(transport, self._request_ids, self._failed_express)
                if is_refused:
                    return parse_header(data), data
                self._left_over = data
            received = self._complete(self._left_over)
            if received is None or not self.answer_express(received[1], transport.push):
                return received

    def _receive(self) -> tuple[Header, bytes] | None:
        """Wait for a complete message and return it. Return None at the end of the connection.

        Raises:
            EOFError: the connection ended within a message.
        """
        return self._complete(self._left_over or self._transport.receive())

    def _complete(self, data: bytes) -> tuple[Header, bytes] | None:
        """Return the first message of received bytes, after receiving the rest of it, and keep further bytes in `_left_over`.

        Return None if there are no bytes.
        """
        if not data:
            return None
        if len(data) < HEADER_SIZE:
            data = self._transport.receive_exactly(HEADER_SIZE, data)
        header = parse_header(data)
        if len(data) < header.length:
            # The check is only needed here: a longer message than this never arrives in one piece.
            if header.length > MAX_UNAUTHENTICATED_BYTES and self._is_stranger:
                raise ProtocolError(f"received a message of {header.length} bytes before authentication")
            data = self._transport.receive_exactly(header.length, data)
        self._left_over = data[header.length :]
        return header, data if len(data) == header.length else data[: header.length]

    @property
    def _is_stranger(self) -> bool:
        """Return whether the client must authenticate before it may run other commands."""
        return self._services.access is not None and not self.client.users

    def _receive_checked(self) -> tuple[Header, bytes] | None:
        """Wait for a complete message and return it, as `_receive` does. Limit the size of messages from unauthenticated clients.

        Raises:
            ProtocolError: the client has not authenticated, and the decompressed message would exceed `MAX_UNAUTHENTICATED_BYTES`.
        """
        received = self._receive()
        if received is not None and received[0].op_code == OP_COMPRESSED and not self.client.users:
            size = decompressed_size(received[1])
            if size > MAX_UNAUTHENTICATED_BYTES:
                raise ProtocolError(f"received a message of {size} bytes, once decompressed, before authentication")
        return received

    def answer_express(self, raw: bytes, push: Callable[[bytes], int] | None = None) -> bool:
        """Answer a message on the express lane, the fast path for simple commands. Return False if the general path must run the command.

        Arguments:
            push: the transport's `push` if the command may wait for data and another thread may send its reply, otherwise None.

        Raises:
            OSError: the connection is broken.
        """
        return self._express.answer_one(raw, self._transport, self._request_ids, push, self._failed_express)

    def _failed_express(self, raw: bytes, error: Exception) -> bytes:
        """Log an unexpected exception of a command on the express lane, and return the encoded error reply."""
        message = parse_message(parse_header(raw), raw)
        return build_reply(message, self._internal_error(message, error), next(self._request_ids) & 0x7FFFFFFF)

    def answer(self, message: Message, size: int) -> None:
        """Run a message's command and send the reply, or all replies of an exhaust command.

        The `responseTo` of each further exhaust reply is the request id of the previous reply, because the Java driver checks that.

        Arguments:
            size: the length of the message in bytes.

        Raises:
            OSError: the connection is broken.
            CloseConnection: a fail point closes the connection.
        """
        message.unfinished, self._express.unfinished = self._express.unfinished, None
        self.client.bytes_in += size
        self.client.requests += 1
        while True:
            request, reply = self._run(message)
            next_body = request.next_body if request is not None and message.exhaust_allowed else None
            if not message.more_to_come:
                reply_id = next(self._request_ids) & 0x7FFFFFFF
                data = self._bytes_of(message, reply, reply_id, next_body is not None)
                self._transport.send(data)
                self.client.bytes_out += len(data)
                message.request_id = reply_id
            if next_body is None:
                break
            message.body, message.raw = next_body, None
        if self._failure is not None:
            self._services.fail(self._failure)

    def _run(self, message: Message) -> tuple[Request | None, Reply]:
        if message.error is not None:
            return None, error_reply(message.error, self._services)
        try:
            return dispatch(message, self._services, self.client)
        except CloseConnection:
            raise
        except CommandError as error:
            if isinstance(error, StorageError) and error.fatal:
                self._failure = error
            return None, error_reply(error, self._services)
        except RecursionError:
            return None, error_reply(CommandError(15, "the command is nested too deeply"), self._services)
        except MemoryError:
            return None, error_reply(CommandError(146, "not enough memory to run the command"), self._services)
        except Exception as error:  # noqa: BLE001 - a bug must not end the server; it is logged and reported to the client.
            return None, self._internal_error(message, error)

    def _internal_error(self, message: Message, error: Exception) -> Reply:
        """Log an unexpected exception of a command, and return the error reply."""
        name = next(iter(message.body), "")
        self._services.log.error(f"internal error in command {name!r}", error, component="NETWORK")
        text = f"Internal error in command {name!r}: {type(error).__name__}: {error} (a bug in Secantus; see the server log)"
        return error_reply(CommandError(1, text), self._services)

    def _bytes_of(self, message: Message, reply: Reply, reply_id: int, more: bool) -> bytes:
        """Return the encoded reply. If it cannot be encoded, for instance because it is too large, return an encoded error reply."""
        try:
            return build_reply(message, reply, reply_id, more)
        except CommandError as error:
            return build_reply(message, error_reply(error, self._services), reply_id)
        except Exception as error:  # noqa: BLE001 - as in _run.
            return build_reply(message, self._internal_error(message, error), reply_id)
