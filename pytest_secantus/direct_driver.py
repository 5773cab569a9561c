"""A replacement for the sockets in pymongo, so that clients in this process call the server in this process directly.

This module replaces the functions with which pymongo's pools open a connection, send a message and receive a reply. These functions are
private, so only the pymongo versions in `direct.KNOWN` are patched.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import struct
import time
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Condition
from typing import TYPE_CHECKING, Any, Final

from pytest_secantus.direct import is_known
from pytest_secantus.driver import SendHook, UnknownDriver, replaced
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

#: The versions of pymongo whose bookkeeping of a pool and whose selection of a server are known in detail.
SHORTENED: Final = ("4.20.1",)

#: Returns a connection to the server at an address, given the options of the client's pool, or None if the client must use a socket.
Connect = Callable[[Any, Any], "DirectConnection | None"]


class Line:
    """A replacement for the socket of a pymongo connection. It sends and receives whole messages.

    Arguments:
        direct: the connection to the server.
        timeout_s: the time limit of each command, or None.
    """

    __slots__ = ("direct", "timeout_s", "waiter")

    def __init__(self, direct: DirectConnection, timeout_s: float | None) -> None:
        self.direct = direct
        self.timeout_s = timeout_s
        #: The future that a task awaits until a reply arrives; None if no task waits.
        self.waiter: asyncio.Future[None] | None = None

    def __del__(self) -> None:
        """Close the connection when a client is garbage-collected without having been closed."""
        self.direct.close()

    def wake(self) -> None:
        """Wake the task that waits for a reply. Any thread may call this."""
        waiter = self.waiter
        if waiter is not None:
            # The loop may have been closed.
            with suppress(RuntimeError):
                waiter.get_loop().call_soon_threadsafe(resolve, waiter)

    def settimeout(self, timeout: float | None) -> None:
        """Set the time limit of all following commands."""
        self.timeout_s = timeout

    def fileno(self) -> int:
        """Raise ValueError, because a Line has no file descriptor.

        Raises:
            ValueError: always.
        """
        raise ValueError("a direct connection has no file descriptor")


class _LineInterface:
    """The base class of the adapters between a Line and pymongo's connections."""

    __slots__ = ("__weakref__", "conn")

    def __init__(self, line: Line) -> None:
        self.conn = line

    @property
    def get_conn(self) -> Line:
        """The adapted Line."""
        return self.conn

    @property
    def sock(self) -> Line:
        """The adapted Line."""
        return self.conn

    def settimeout(self, timeout: float | None) -> None:
        """Set the time limit of all following commands."""
        self.conn.timeout_s = timeout

    def is_closing(self) -> bool:
        """Return whether either side has closed the connection."""
        return self.conn.direct.is_closed


class Interface(_LineInterface):
    """The adapter between a Line and pymongo's synchronous connection."""

    __slots__ = ()

    def gettimeout(self) -> float | None:
        """Return the time limit of commands."""
        return self.conn.timeout_s

    def close(self) -> None:
        """Close the connection."""
        self.conn.direct.close()


class AsyncInterface(_LineInterface):
    """The adapter between a Line and pymongo's asynchronous connection."""

    __slots__ = ()

    @property
    def gettimeout(self) -> float | None:
        """Return the time limit of commands."""
        return self.conn.timeout_s

    async def close(self) -> None:
        """Close the connection."""
        self.conn.direct.close()


def resolve(future: asyncio.Future[None]) -> None:
    """Resolve a future unless it was cancelled."""
    if not future.done():
        future.set_result(None)


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


def shortcuts() -> list[tuple[Any, str, Callable[..., Any]]]:
    """Return shorter replacements for functions of pymongo that each command or document needs: as owner, name and function.

    Each one has the effects of the replaced method in the ordinary case, in which nobody waits or listens. It calls that method in every
    other case.
    """
    from pymongo import common
    from pymongo.bulk_shared import _AgnosticBulkBase
    from pymongo.synchronous.collection import Collection
    from pymongo.synchronous.pool import Pool
    from pymongo.synchronous.topology import Topology

    return [
        (common, "validate_is_document_type", checked(common.validate_is_document_type)),
        (Collection, "insert_many", inserted(Collection.insert_many)),
        (_AgnosticBulkBase, "gen_ordered", in_one_run(_AgnosticBulkBase.gen_ordered)),
        (Pool, "_get_conn", taken(Pool._get_conn)),
        (Pool, "checkin", given_back(Pool.checkin)),
        (Topology, "select_server", selected(Topology.select_server)),
    ]


def checked(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo function that checks each inserted document. It only accepts a `dict`.

    The check whether a `dict` is a `MutableMapping` takes ten times as long, because the result is not cached.
    """

    @functools.wraps(original)
    def validate_is_document_type(option: str, value: Any) -> None:
        if type(value) is not dict:
            original(option, value)

    return validate_is_document_type


def inserted(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that inserts documents. It only inserts a list of `dict`s.

    For each document, the method checks whether it is a `RawBSONDocument`, which is an abstract base class's slow check.
    """
    from pymongo import _csot
    from pymongo.message import _INSERT
    from pymongo.results import InsertManyResult
    from pymongo.synchronous import collection

    module: Any = collection

    @_csot.apply
    @functools.wraps(original)
    def insert_many(
        self: Any,
        documents: Any,
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: Any = None,
        comment: Any = None,
    ) -> Any:
        if type(documents) is not list or not documents:
            return original(self, documents, ordered, bypass_document_validation, session, comment)
        # First, because it fails for an invalid session, whose documents get no ids.
        write_concern = self._write_concern_for(session)
        ids = []
        for document in documents:
            if type(document) is not dict:
                # The documents before this one keep their new ids.
                return original(self, documents, ordered, bypass_document_validation, session, comment)
            if "_id" not in document:
                document["_id"] = module.ObjectId()
            ids.append(document["_id"])
        bulk = module._Bulk(self, ordered, bypass_document_validation, comment=comment)
        bulk.ops = [(_INSERT, document) for document in documents]
        bulk.execute(write_concern, session, module._Op.INSERT)
        return InsertManyResult(ids, write_concern.acknowledged)

    return insert_many


def in_one_run(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that divides the operations of a bulk write into runs of one type.

    If all have the same type, it fills the only run without a call for each operation.
    """
    from pymongo.bulk_shared import _Run

    @functools.wraps(original)
    def gen_ordered(self: Any) -> Iterator[Any]:
        operations = self.ops
        kinds = {kind for kind, _ in operations}
        if len(kinds) != 1:
            yield from original(self)
            return
        run = _Run(*kinds)
        run.index_map = list(range(len(operations)))
        run.ops = [operation for _, operation in operations]
        yield run

    return gen_ordered


def taken(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that takes a connection from a pool. It only takes an idle, open, direct connection."""
    from pymongo.pool_shared import PoolState

    ready = PoolState.READY

    @functools.wraps(original)
    def _get_conn(pool: Any, checkout_started_time: float, handler: Any = None) -> Any:
        idle = pool.conns
        if idle and pool.pid == os.getpid() and pool.opts.max_idle_time_seconds is None:
            with pool.lock:
                # `_reset` replaces the queue.
                idle = pool.conns
                if idle and pool.state == ready and pool.requests < pool.max_pool_size and is_usable(conn := idle[0], pool):
                    pool.active_contexts.add(conn.cancel_context)
                    counts = pool.operation_count, pool.requests, pool.active_sockets
                    try:
                        idle.popleft()
                        pool.operation_count, pool.requests, pool.active_sockets = counts[0] + 1, counts[1] + 1, counts[2] + 1
                        conn.active = True
                    except BaseException:  # of a signal handler
                        pool.operation_count, pool.requests, pool.active_sockets = counts
                        conn.active = False
                        if not idle or idle[0] is not conn:
                            idle.appendleft(conn)
                        raise
                    return conn
        return original(pool, checkout_started_time, handler=handler)

    return _get_conn


def given_back(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that returns a connection to its pool. It only returns an open, direct connection."""
    from pymongo.logger import _CONNECTION_LOGGER
    from pymongo.pool_shared import PoolState

    closed = PoolState.CLOSED

    @functools.wraps(original)
    def checkin(pool: Any, conn: Any) -> None:
        events = pool._telemetry
        is_watched = events._should_publish or (events._log and _CONNECTION_LOGGER.isEnabledFor(logging.DEBUG))
        is_pinned = conn.pinned_txn or conn.pinned_cursor or pool._pinned_sockets
        if not is_watched and not is_pinned and pool.pid == os.getpid():
            with pool.lock:
                is_awaited = pool.size_cond._waiters or pool._max_connecting_cond._waiters
                if not is_awaited and pool.state != closed and not conn.closed and is_usable(conn, pool):
                    counts = pool.operation_count - 1, pool.requests - 1, pool.active_sockets - 1
                    is_writable = bool(pool.is_writable)
                    try:
                        pool.active_contexts.discard(conn.cancel_context)
                        conn.last_checkin_time = time.monotonic()
                    finally:  # also after an exception of a signal handler
                        conn.active, conn.is_writable = False, is_writable
                        pool.operation_count, pool.requests, pool.active_sockets = counts
                        pool.conns.appendleft(conn)
                    return
        original(pool, conn)

    return checkin


def is_usable(conn: Any, pool: Any) -> bool:
    """Return whether a connection of pymongo is direct, open, and of its pool's current generation."""
    interface = conn.conn
    return (
        type(interface) is Interface
        and not interface.conn.direct.is_closed
        and conn.service_id is None
        and conn.generation == pool.gen._generation
    )


def selected(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that selects a server. It only selects the server of a client that knows one server."""
    from pymongo import _csot
    from pymongo.logger import _SERVER_SELECTION_LOGGER
    from pymongo.read_preferences import Primary
    from pymongo.server_selectors import writable_server_selector
    from pymongo.server_type import SERVER_TYPE
    from pymongo.topology_description import TOPOLOGY_TYPE

    single, unknown, limit = TOPOLOGY_TYPE.Single, SERVER_TYPE.Unknown, _csot.TIMEOUT

    @functools.wraps(original)
    def select_server(
        topology: Any,
        selector: Any,
        operation: str,
        server_selection_timeout: float | None = None,
        address: Any = None,
        deprioritized_servers: Any = None,
        operation_id: int | None = None,
    ) -> Any:
        is_usual = (selector is writable_server_selector or type(selector) is Primary) and address is None and not deprioritized_servers
        if is_usual and not limit.get() and not _SERVER_SELECTION_LOGGER.isEnabledFor(logging.DEBUG):
            with topology._lock:
                found = topology._description
                if found._topology_type == single and len(found._server_descriptions) == 1 and found._incompatible_err is None:
                    (one,) = found._server_descriptions.values()
                    server = topology._servers.get(one._address)
                    if server is not None and one._server_type != unknown:
                        return server
        return original(topology, selector, operation, server_selection_timeout, address, deprioritized_servers, operation_id)

    return select_server


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
