"""Messages between a test process and the process of its server: pickled values, in which what stays in the server is a handle.

Both ends have the same interpreter and the same code, and nobody else can reach the socket between them.
"""

from __future__ import annotations

import _socket
import io
import pickle
import struct
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from secantus_server.system.sockets import peek_closed, receive_exactly

LENGTH = struct.Struct("<Q")


class Channel:
    """Whole messages over a stream socket. It is one of `_socket`, which gevent and eventlet leave alone."""

    def __init__(self, sock: _socket.socket) -> None:
        sock.setblocking(True)
        self._sock = sock

    def send(self, message: bytes) -> None:
        """Send a message. Raises OSError if the other end is gone."""
        self._sock.sendall(LENGTH.pack(len(message)) + message)

    def receive(self) -> bytes:
        """Wait for a message.

        Raises:
            EOFError: the other end was closed.
            OSError: the socket is broken.
        """
        (length,) = LENGTH.unpack(receive_exactly(self._sock, LENGTH.size))
        return receive_exactly(self._sock, length)

    def peek_closed(self) -> bool:
        """Return whether the other end is closed and everything it sent was received."""
        return peek_closed(self._sock)

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until the other end is closed, or for so long."""
        self._sock.settimeout(timeout_s)
        try:
            while self._sock.recv(4096):
                pass
        except OSError:
            return

    def close(self) -> None:
        """Close this end."""
        self._sock.close()


class Handle:
    """Stands for an object that stays in the server's process: a snapshot, or what was set aside."""

    __slots__ = ("__weakref__", "_forget", "number", "received")

    def __init__(self, number: int, forget: Callable[[tuple[int, int]], None]) -> None:
        self.number = number
        self.received = 0
        self._forget = forget

    def __del__(self) -> None:
        self._forget((self.number, self.received))


class Handles:
    """The test process's side: the handles in use. `forgotten` says how often each that is gone had been received."""

    def __init__(self) -> None:
        self.forgotten: deque[tuple[int, int]] = deque()
        self._known: WeakValueDictionary[int, Handle] = WeakValueDictionary()

    def number_of(self, value: object) -> int | None:
        """The number under which a message names a value, or None for one that is sent itself.

        Raises:
            ValueError: the value is a handle of another server, one that has died for instance.
        """
        if type(value) is not Handle:
            return None
        if self._known.get(value.number) is not value:
            raise ValueError("the snapshot was taken of another server, which has ended")
        return value.number

    def named(self, number: int) -> Handle:
        """The handle of a number: always the same one, as long as somebody has it."""
        handle = self._known.get(number)
        if handle is None:
            handle = self._known[number] = Handle(number, self.forgotten.append)
        handle.received += 1
        return handle

    def enter_fork(self) -> None:
        """The process is a fork: what was received before belongs to the other one, which alone may forget it."""
        self.forgotten.clear()
        for handle in self._known.values():
            handle.received = 0

    def take_forgotten(self) -> list[tuple[int, int]]:
        """The handles that are gone since the last call."""
        return [self.forgotten.popleft() for _ in range(len(self.forgotten))]


class Objects:
    """The server's side: the objects that handles stand for, kept until each handle that was sent is forgotten.

    Arguments:
        types: what is kept here; everything else is sent itself.
    """

    def __init__(self, types: tuple[type, ...]) -> None:
        self._types = types
        self._numbers: dict[int, int] = {}
        self._kept: dict[int, tuple[Any, int]] = {}
        self._next = 1

    def number_of(self, value: object) -> int | None:
        """The number under which a message names a value, or None for one that is sent itself."""
        if type(value) not in self._types:
            return None
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = self._next
            self._next += 1
        self._kept[number] = (value, self._kept.get(number, (value, 0))[1] + 1)
        return number

    def named(self, number: int) -> object:
        """The object of a number."""
        return self._kept[number][0]

    def forget(self, forgotten: list[tuple[int, int]]) -> None:
        """Let go of objects whose handles are gone, unless they were sent again meanwhile."""
        for number, received in forgotten:
            value, sent = self._kept.pop(number)
            if sent > received:
                self._kept[number] = (value, sent - received)
            else:
                del self._numbers[id(value)]


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, names: Handles | Objects) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._names = names

    def persistent_id(self, value: object) -> int | None:
        return self._names.number_of(value)

    def reducer_override(self, value: object) -> Any:
        """Exceptions are made again from what they hold, whatever arguments their class takes."""
        if isinstance(value, BaseException) and not isinstance(value, OSError):
            return make_error, (type(value), value.args, vars(value))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, names: Handles | Objects) -> None:
        super().__init__(file)
        self._names = names

    def persistent_load(self, number: int) -> object:
        return self._names.named(number)


def make_error(cls: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    """Make an exception that was raised in another process."""
    error = cls.__new__(cls, *args)
    vars(error).update(state)
    return error


def dumps(value: object, names: Handles | Objects) -> bytes:
    """Make a message of a value."""
    file = io.BytesIO()
    _Pickler(file, names).dump(value)
    return file.getvalue()


def loads(message: bytes, names: Handles | Objects) -> Any:
    """Read a message."""
    return _Unpickler(io.BytesIO(message), names).load()
