"""In-process connections, which connect clients in the server's own process without sockets.

The client passes the bytes of a message and receives the bytes of the replies. The command usually runs in the client's thread, which
saves system calls, thread switches, and handovers of the interpreter lock. If the command may wait for another command, it runs in a
thread of the connection, as over TCP, so that timeouts and cancellation in the client work.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bson.int64 import Int64

from secantus_server.net._receive import DirectCaller, Turn
from secantus_server.net.connection import ENDING, Connection
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Condition, Lock, Thread, get_ident
from secantus_server.wire.header import parse_header
from secantus_server.wire.messages import parse_message
from secantus_server.wire.op_query import HELLO_NAMES

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services
    from secantus_server.wire.message import Message

#: How long a finalizer or signal handler waits for its command if it interrupted another command in its thread. The wait is limited because
#: the new command may need the other one's locks.
NESTED_S: Final = 5.0
#: The number of unread replies of an exhaust command at which the server waits for the client, as it does when a socket's buffer is full.
MOST_UNREAD: Final = 4
#: The commands that never wait. They run in the client's thread even if the client limits the time of its commands.
_SHORT: Final = HELLO_NAMES | {"ping", "buildInfo", "endSessions", "killCursors"}
#: The other commands that may run in an event loop's thread: the commands that test suites send most.
_CRUD: Final = ("find", "insert", "update", "delete", "findAndModify", "findandmodify", "count", "distinct", "aggregate", "getMore")
_DEFINITIONS: Final = ("create", "drop", "dropDatabase", "createIndexes", "dropIndexes", "listCollections", "listIndexes", "listDatabases")
_BRIEF: Final = _SHORT | frozenset([*_CRUD, *_DEFINITIONS])
#: Longer messages do not run in an event loop's thread, nor do commands on larger collections, on views, with JavaScript, or with stages
#: that read another collection.
_BRIEF_BYTES: Final = 1 << 16
_FEW_DOCUMENTS: Final = 10_000
_SLOW: Final = (b"$where\0", b"$function\0", b"$accumulator\0", b"$lookup\0", b"$graphLookup\0", b"$unionWith\0")


NESTED: Final = (
    f"a finalizer or signal handler sent a command in the middle of another one of its thread, and it did not end within {NESTED_S:g} s: "
    "it needs what the other command holds"
)


class DirectTransport:
    """A Transport that passes whole messages between two threads of this process.

    Threads: `_changed` guards all attributes. While a client's thread runs a command itself, only that thread uses the queues.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._messages: deque[bytes] = deque()
        self._replies: deque[bytes] = deque()
        # The number of messages that the server's thread has not answered yet.
        self._unanswered = 0
        self._input_ended = False
        self._output_ended = False
        #: Whether the stream has ended in either direction.
        self.is_over = False
        #: Called in any thread after each reply and at the end of the connection, or None.
        self.on_reply: Callable[[], None] | None = None
        self.push: Callable[[bytes], int] | None = self._push

    @property
    def is_busy(self) -> bool:
        """Return whether the connection's server thread has a message that it has not answered yet."""
        return self._unanswered > 0

    def put(self, message: bytes) -> None:
        """Append a message for the connection's server thread. The client calls this method."""
        with self._changed:
            self._messages.append(message)
            self._unanswered += 1
            self._changed.notify_all()

    def take(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for the next reply and return it, or None if no reply arrives within the timeout. The client calls this method.

        Raises:
            OSError: the server has closed the connection.
        """
        if not self._replies and timeout_s != 0:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._replies) or self._output_ended, timeout_s)
        if self._replies:
            reply = self._replies.popleft()
            if len(self._replies) == MOST_UNREAD - 1:
                with self._changed:
                    self._changed.notify_all()
            return reply
        if self._output_ended:
            raise ConnectionAbortedError("connection closed")
        return None

    def receive(self) -> bytes:
        """Wait for the next message and return it. At the end of the stream, return an empty value."""
        with self._changed:
            # The previous message has been answered.
            self._unanswered = len(self._messages)
            self._changed.wait_for(lambda: bool(self._messages) or self._input_ended)
            return self._messages.popleft() if self._messages and not self._output_ended else b""

    def receive_exactly(self, size: int, start: bytes = b"", timeout_s: float | None = None) -> bytes:
        """Raise EOFError, because messages arrive as a whole, so that this method is only called for a truncated message.

        Raises:
            EOFError: always.
        """
        raise EOFError(f"closed after {len(start)} of {size} bytes")

    def send(self, data: bytes) -> None:
        """Append a reply for the client. Block while too many replies are unread.

        Raises:
            OSError: the client has closed the connection.
        """
        if self._output_ended:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self._replies.append(data)
        if self._unanswered:
            with self._changed:
                self._changed.notify_all()
                self._tell()
                self._changed.wait_for(lambda: len(self._replies) < MOST_UNREAD or self._output_ended)

    def _push(self, data: bytes) -> int:
        """Append a reply without waiting, as `Transport.push` does."""
        if self._output_ended:
            return 0
        self._replies.append(data)
        with self._changed:
            self._changed.notify_all()
            self._tell()
        return len(data)

    def _tell(self) -> None:
        told = self.on_reply
        if told is not None:
            told()

    def peek_closed(self) -> bool:
        """Return whether the client has closed the connection."""
        return self._output_ended

    def stop_receiving(self) -> None:
        """Shut down the direction from the client, as `Transport.stop_receiving` does."""
        with self._changed:
            self._input_ended = self.is_over = True
            self._changed.notify_all()

    def shut_down(self) -> None:
        """Shut down both directions, as `Transport.shut_down` does."""
        with self._changed:
            self._input_ended = self._output_ended = self.is_over = True
            self._changed.notify_all()
            self._tell()

    def close(self) -> None:
        """Do nothing, since there is no resource to release."""


class DirectConnection:
    """The client's end of an in-process connection.

    Only one thread at a time may send and receive. Any thread may call `close`, and so may a finalizer, which can interrupt a thread
    anywhere.

    Arguments:
        connection: the server's end.
        turn: the lock that the server's connections share, so that only one connection runs commands at a time.
        on_end: called in any thread when the connection has ended; it must not wait for a lock.

    Threads: a client's thread holds `_running` while it runs a command on the connection.
    """

    def __init__(
        self,
        connection: Connection,
        transport: DirectTransport,
        services: Services,
        turn: Turn,
        on_end: Callable[[DirectConnection], None],
    ) -> None:
        self.connection = connection
        self._caller = DirectCaller(turn, is_new=True)
        self._transport = transport
        self._services = services
        self._on_end = on_end
        self._running = Lock()
        self._runner = 0
        self._thread: Thread | None = None
        self._is_abandoned = False
        # When to stop waiting for the reply to the last command, if the thread that sent it was already running another
        # command; otherwise None.
        self._nested_until: float | None = None

    @property
    def is_closed(self) -> bool:
        """Return whether either side has closed the connection."""
        return self._transport.is_over

    def send(self, data: bytes, *, is_limited: bool = False, in_loop: bool = False, on_reply: Callable[[], None] | None = None) -> None:
        """Send a message. Run its command in the calling thread, or in the connection's thread if the command may block.

        Arguments:
            data: the message.
            is_limited: whether the client waits for the reply only for a limited time.
            in_loop: whether the calling thread runs an event loop, which the command must not block.
            on_reply: called in any thread for each reply of a command that does not run in the calling thread.

        Raises:
            OSError: the connection is closed.
        """
        if self._transport.is_over:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        services = self._services
        is_nested = is_in_server(services)
        self._nested_until = monotonic() + NESTED_S if is_nested else None
        waits = is_nested or self._transport.is_busy
        # The express lane runs only commands that do not wait.
        if not (waits or is_limited) and len(data) <= _BRIEF_BYTES and self._run(data, None, in_loop):
            return
        try:
            message = parse_message(parse_header(data), data)
        except ENDING as error:
            self.connection.note_end(error)
            self.close()
            return
        waits = waits or _may_wait(message, services, is_limited) or (in_loop and _holds_up(message, data, services))
        if waits or not self._run(data, message, in_loop):
            self._hand_over(data, on_reply)

    def _run(self, data: bytes, message: Message | None, in_loop: bool) -> bool:
        """Run a command in the calling thread. Return False if it must run in the connection's thread instead.

        Arguments:
            message: the parsed message, or None to run the command only if the express lane (the fast path) supports it.
        """
        if not self._running.acquire(blocking=False):
            return False
        self._runner = get_ident()
        try:
            # An event loop never waits for its turn.
            if not in_loop:
                self._caller.begin()
            if message is None:
                return self.connection.answer_express(data)
            self.connection.answer(message, len(data))
            self._caller.is_new = False
        except ENDING as error:
            self.connection.note_end(error)
            self.close()
        except BaseException:
            self.close()
            raise
        finally:
            self._caller.end()
            self._runner = 0
            self._running.release()
            if self._transport.is_over:
                self._on_end(self)
        return True

    def _hand_over(self, data: bytes, on_reply: Callable[[], None] | None) -> None:
        """Pass a message to the connection's thread, which runs its command."""
        self._caller.leave()
        self._transport.on_reply = on_reply
        if self._thread is None:
            self._thread = Thread(self._serve, (), f"secantus-conn{self.connection.client.connection_id}")
            self._thread.start()
        self._transport.put(data)

    def _serve(self) -> None:
        try:
            self.connection.serve()
        finally:
            self._on_end(self)

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for the next reply and return it, or None if no reply arrives within the timeout.

        Raises:
            OSError: the server has closed the connection, or a nested command did not end within `NESTED_S`. A command is nested if a
                finalizer or signal handler sends it while its thread runs another command, whose locks it may need.
        """
        until = self._nested_until
        if until is None:
            return self._transport.take(timeout_s)
        left_s = max(until - monotonic(), 0)
        reply = self._transport.take(left_s if timeout_s is None else min(timeout_s, left_s))
        if reply is None and monotonic() >= until:
            self.close()
            raise ConnectionAbortedError(NESTED)
        return reply

    def close(self) -> None:
        """Close the connection. The server handles this like a closed socket."""
        if not self._is_abandoned:
            self._transport.shut_down()
            if not self.is_alive():
                self._on_end(self)

    def abandon(self) -> None:
        """Close the connection in a forked child. Do not use the server's end, because its threads exist only in the parent."""
        self._is_abandoned = True
        self._transport = DirectTransport()
        self._transport.shut_down()

    def is_alive(self) -> bool:
        """Return True if a thread runs a command on the connection or waits for its next command."""
        return self._running.locked() or (self._thread is not None and self._thread.is_alive())

    def is_current(self) -> bool:
        """Return whether the calling thread is running a command on the connection."""
        return self._runner == get_ident()

    def join(self, timeout: float | None = None) -> None:
        """Wait until no thread runs a command on the connection, but at most `timeout` seconds."""
        deadline = None if timeout is None else monotonic() + timeout
        if self._thread is not None:
            self._thread.join(timeout)
        if self._running.acquire(timeout=-1 if deadline is None else max(deadline - monotonic(), 0)):
            self._running.release()


class Reaper:
    """A thread that removes in-process connections after their clients have closed them.

    A finalizer can close a connection at any point in any thread, and that thread may hold any lock of the server. Therefore closing only
    appends the connection to a queue, which needs no lock.

    Arguments:
        end: removes a connection.

    Threads: operations on the deque are atomic. Releasing `_wake` wakes the thread.
    """

    def __init__(self, end: Callable[[DirectConnection], None]) -> None:
        self._end = end
        self._ended: deque[DirectConnection] = deque()
        self._wake = Lock()
        self._wake.acquire()
        self._closed = False
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it is already running."""
        if self._thread is None:
            self._thread = Thread(self._run, (), "secantus-reaper")
            self._thread.start()

    def add(self, connection: DirectConnection) -> None:
        """Queue a closed connection for removal. Any thread and any finalizer may call this method."""
        self._ended.append(connection)
        self._alarm()

    def _alarm(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:
            # Another thread has just released it.
            return

    def close(self, left: list[DirectConnection]) -> None:
        """Remove the remaining connections, and terminate the thread."""
        self._ended.extend(left)
        self._closed = True
        self._alarm()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.acquire()
            while self._ended:
                self._end(self._ended.popleft())
            if self._closed:
                return


def is_in_server(services: Services) -> bool:
    """Return True if the calling thread is in the middle of a command or restore. The caller is then a finalizer or signal handler.

    A command that such a caller sends must not run in this thread. It could see a partial change, and would wait for locks that this
    thread already holds.
    """
    if services.engine.is_closed_here:
        return True
    return services.operations.here() is not None


def _may_wait(message: Message, services: Services, is_limited: bool) -> bool:
    """Return True if a command may block until another command ends, or block for longer than its client waits.

    Waiting for locks does not count, since it can be interrupted like any other command.
    """
    if message.exhaust_allowed or services.fail_points.active:
        return True
    body = message.body
    name = next(iter(body), "")
    if name == "getMore":
        cursor_id = body[name]
        cursor = services.cursors.peek(cursor_id) if type(cursor_id) is Int64 else None
        if cursor is not None and cursor.watch is not None:
            return True
    return "topologyVersion" in body or (is_limited and name not in _SHORT)


def _holds_up(message: Message, data: bytes, services: Services) -> bool:
    """Return True if a command could block the other tasks of an event loop. If it waited for one of those tasks, it would deadlock."""
    name = next(iter(message.body), "")
    if name not in _BRIEF or len(data) > _BRIEF_BYTES or message.compressor is not None:
        return True
    if services.sessions.transactions.open or services.fsync_lock.is_held:
        return True
    return any(word in data for word in _SLOW) or (name != "insert" and _may_read_many(message, name, services))


def _may_read_many(message: Message, name: str, services: Services) -> bool:
    """Return True if a command reads a large collection, a view, or a cursor that was not opened by find."""
    db, target = message.body.get("$db"), message.body[name]
    if name == "getMore":
        cursor = services.cursors.peek(target) if type(target) is Int64 else None
        if cursor is None or cursor.operation is None or next(iter(cursor.operation.body), "") != "find":
            return True
        target = message.body.get("collection")
    if type(db) is not str or type(target) is not str:
        return False
    collection = services.catalog.find(db, target)
    if collection is None:
        return False
    count = collection.count()
    return collection.is_view or count is None or count > _FEW_DOCUMENTS
