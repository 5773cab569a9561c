"""A replacement for the sockets in pymongo, so that clients in this process call the server in this process directly.

This module replaces the functions with which pymongo's pools open a connection, send a message and receive a reply. These functions are
private, so only the pymongo versions in `direct.KNOWN` are patched.
"""

from __future__ import annotations

import asyncio
import functools
import struct
import time
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Condition
from typing import TYPE_CHECKING, Any, Final

from pytest_secantus.direct import is_known
from pytest_secantus.direct_line import AsyncInterface, Interface, Line
from pytest_secantus.driver import SendHook, UnknownDriver, replaced
from pytest_secantus.driver_shortcuts import SHORTENED, shortcuts
from pytest_secantus.signals import Deferral
from secantus_server.system._clock import monotonic

if TYPE_CHECKING:
    from secantus_server.net.direct import DirectConnection

#: How often a waiting client checks whether its operation was cancelled; the same as in pymongo.
LOOK_S: Final = 0.5

OP_COMPRESSED: Final = 2012
#: The maximum size of a decompressed reply. The server never exceeds this size.
MOST_BYTES: Final = 48_000_000
_HEADER: Final = struct.Struct("<iiii").unpack_from
_COMPRESSION: Final = struct.Struct("<iiB").unpack_from

#: Returns a connection to the server at an address, given the options of the client's pool, or None if the client must use a socket.
Connect = Callable[[Any, Any], "DirectConnection | None"]


class Driver:
    """The pymongo functions and classes that this module replaces or calls.

    Raises:
        UnknownDriver: this version of pymongo is unknown or lacks one of the parts.
    """

    def __init__(self) -> None:
        import pymongo

        if not is_known(pymongo.version):
            raise UnknownDriver(f"pymongo {pymongo.version}")
        try:
            from pymongo import _csot
            from pymongo.asynchronous import pool as async_pool
            from pymongo.compression_support import decompress
            from pymongo.errors import ProtocolError, _OperationCancelled
            from pymongo.message import _UNPACK_REPLY
            from pymongo.synchronous import pool

            self.decompress = decompress
            self.deadline = _csot.get_deadline
            self.has_deadline = _csot.get_timeout
            self.unpack = _UNPACK_REPLY
            self.protocol_error = ProtocolError
            self.cancelled = _OperationCancelled
            self.pool, self.async_pool = pool, async_pool
            self.connection = pool.Connection
            self.synchronous = {name: getattr(pool, name) for name in ("_configured_socket_interface", "sendall", "receive_message")}
            self.closed = pool.Connection.conn_closed
            # `given_back` reads this attribute.
            self.is_shortened = pymongo.version in SHORTENED and hasattr(Condition(), "_waiters")
            self.asynchronous = {
                name: getattr(async_pool, name) for name in ("_configured_protocol_interface", "async_sendall", "async_receive_message")
            }
        except (ImportError, AttributeError) as error:
            raise UnknownDriver(f"pymongo {pymongo.version}: {error}") from error

    def message(self, reply: bytes, request_id: int | None) -> Any:
        """Return a reply as pymongo's message object.

        Raises:
            pymongo.errors.ProtocolError: the reply belongs to a different request.
        """
        _, _, response_to, op_code = _HEADER(reply)
        if request_id is not None and request_id != response_to:
            raise self.protocol_error(f"Got response id {response_to!r} but expected {request_id!r}")
        data: Any = memoryview(reply)[16:]
        if op_code == OP_COMPRESSED:
            op_code, _, compressor = _COMPRESSION(data)
            data = self.decompress(data[9:], compressor, MOST_BYTES)
        return self.unpack[op_code](data)

    def seconds_left(self, timeout_s: float | None) -> float | None:
        """Return the remaining time limit of a command that is about to be sent; None for no limit."""
        if self.has_deadline():
            return max(self.deadline() - time.monotonic(), 0)
        return timeout_s or None


@contextmanager
def clients_connected(connect: Connect, interrupt: Callable[[int], None]) -> Iterator[None]:
    """Make pymongo's clients use direct connections within the block.

    Arguments:
        interrupt: interrupts the command that a thread is running, if a signal handler raises an exception.

    Raises:
        UnknownDriver: this version of pymongo is unknown.
        ValueError: this is not the main thread.
    """
    driver, deferral, hook = Driver(), Deferral(interrupt), SendHook()
    send = sender(deferral)
    with ExitStack() as patches:
        patches.enter_context(deferral.installed())
        for name, value in synchronous(driver, connect, send, hook).items():
            patches.enter_context(replaced(driver.pool, name, value))
        for name, value in asynchronous(driver, connect, send, hook).items():
            patches.enter_context(replaced(driver.async_pool, name, value))
        patches.enter_context(replaced(driver.connection, "conn_closed", closed(driver.closed)))
        for owner, name, value in shortcuts() if driver.is_shortened else ():
            patches.enter_context(replaced(owner, name, value))
        yield


def closed(original: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a replacement for the pymongo method that reports whether the server has closed a connection."""

    @functools.wraps(original)
    def conn_closed(conn: Any) -> bool:
        return conn.conn.is_closing() if type(conn.conn) is Interface else original(conn)

    return conn_closed


def sender(deferral: Deferral) -> Callable[..., None]:
    """Return a function that sends a message on a Line."""
    main = deferral.thread

    def send(line: Line, message: bytes, in_loop: bool = False, on_reply: Callable[[], None] | None = None) -> None:
        __tracebackhide__ = True
        is_limited = line.timeout_s is not None
        if get_ident() != main:
            line.direct.send(message, is_limited=is_limited, in_loop=in_loop, on_reply=on_reply)
            return
        deferral.is_inside = True
        try:
            line.direct.send(message, is_limited=is_limited, in_loop=in_loop, on_reply=on_reply)
        finally:
            deferral.is_inside = False
            if deferral.pending is not None:
                deferral.deliver()

    return send


def synchronous(driver: Driver, connect: Connect, send_on: Callable[..., None], hook: SendHook) -> dict[str, Callable[..., Any]]:
    """Return the replacements for functions of pymongo's synchronous pool, by function name."""
    opens, sends, receives = driver.synchronous.values()
    message_of = driver.message

    def open_connection(address: Any, options: Any, *args: Any) -> Any:
        direct = connect(address, options)
        return opens(address, options, *args) if direct is None else Interface(Line(direct, options.socket_timeout))

    def send(sock: Any, message: bytes) -> None:
        __tracebackhide__ = True
        if hook.note is not None:
            hook.note(message)
        (send_on if type(sock) is Line else sends)(sock, message)

    def receive(conn: Any, request_id: int | None, *limits: int) -> Any:
        interface = conn.conn
        if type(interface) is not Interface:
            return receives(conn, request_id, *limits)
        reply = interface.conn.direct.receive(0)
        return message_of(wait_for_reply(driver, conn) if reply is None else reply, request_id)

    send.hook = hook  # type: ignore[attr-defined]
    return dict(zip(driver.synchronous, (open_connection, send, receive), strict=True))


def asynchronous(driver: Driver, connect: Connect, send_on: Callable[..., None], hook: SendHook) -> dict[str, Callable[..., Any]]:
    """Return the replacements for functions of pymongo's asynchronous pool, by function name."""
    opens, sends, receives = driver.asynchronous.values()
    message_of = driver.message

    async def open_connection(address: Any, options: Any, *args: Any) -> Any:
        direct = connect(address, options)
        return await opens(address, options, *args) if direct is None else AsyncInterface(Line(direct, options.socket_timeout))

    async def send(sock: Any, message: bytes) -> None:
        if hook.note is not None:
            hook.note(message)
        if type(sock) is Line:
            send_on(sock, message, True, sock.wake)
        else:
            await sends(sock, message)

    async def receive(conn: Any, request_id: int | None, *limits: int) -> Any:
        interface = conn.conn
        if type(interface) is not AsyncInterface:
            return await receives(conn, request_id, *limits)
        reply = interface.conn.direct.receive(0)
        if reply is None:
            reply = await wait_for_reply_in_loop(driver, conn)
        else:
            # Other tasks may rely on the loop running them during each command.
            await asyncio.sleep(0)
        return message_of(reply, request_id)

    send.hook = hook  # type: ignore[attr-defined]
    return dict(zip(driver.asynchronous, (open_connection, send, receive), strict=True))


def wait_for_reply(driver: Driver, conn: Any) -> bytes:
    """Wait for the reply to a command that a different thread executes, and return it. Like pymongo, use a clock that freezegun may have
    stopped.

    Raises:
        TimeoutError: the client's time limit has passed.
        pymongo.errors._OperationCancelled: the client has cancelled the operation.
        OSError: the server has closed the connection.
    """
    left_s = driver.seconds_left(conn.conn.conn.timeout_s)
    deadline = None if left_s is None else time.monotonic() + left_s
    while True:
        pause = LOOK_S if deadline is None else min(LOOK_S, max(deadline - time.monotonic(), 0))
        reply: bytes | None = conn.conn.conn.direct.receive(pause)
        if reply is not None:
            return reply
        if conn.cancel_context.cancelled:
            raise driver.cancelled("operation cancelled")
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError("timed out")


async def wait_for_reply_in_loop(driver: Driver, conn: Any) -> bytes:
    """Wait, without blocking the event loop, for the reply to a command that a different thread executes, and return it.

    Like the event loop, use the system's clock.

    Raises:
        As `wait_for_reply`.
    """
    line: Line = conn.conn.conn
    left_s = driver.seconds_left(line.timeout_s)
    deadline = None if left_s is None else monotonic() + left_s
    try:
        while True:
            line.waiter = asyncio.get_running_loop().create_future()
            # The reply may already have arrived.
            if (reply := line.direct.receive(0)) is not None:
                return reply
            if conn.cancel_context.cancelled:
                raise driver.cancelled("operation cancelled")
            left_s = LOOK_S if deadline is None else deadline - monotonic()
            if left_s <= 0:
                raise TimeoutError("timed out")
            await asyncio.wait([line.waiter], timeout=min(LOOK_S, left_s))
    finally:
        line.waiter = None
