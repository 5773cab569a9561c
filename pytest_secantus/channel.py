"""Messages between a test process and its server process: pickled values, and handles that represent objects in the server process.

Unpickling is safe here, because both ends run the same interpreter and code, and no third process can access the socket.
"""

from __future__ import annotations

import _socket
import io
import pickle
import struct
from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Any
from weakref import WeakValueDictionary

from secantus_server.modules import import_late
from secantus_server.system.sockets import peek_closed, receive_exactly

LENGTH = struct.Struct("<Q")


class Channel:
    """Sends and receives whole messages over a stream socket from `_socket`, a module that gevent and eventlet do not patch."""

    def __init__(self, sock: _socket.socket) -> None:
        sock.setblocking(True)
        self._sock = sock

    def send(self, message: bytes) -> None:
        """Send a message. Raise OSError if the other end is closed."""
        self._sock.sendall(LENGTH.pack(len(message)) + message)

    def receive(self) -> bytes:
        """Block until a message arrives, and return it.

        Raises:
            EOFError: the other end was closed.
            OSError: the socket is broken.
        """
        (length,) = LENGTH.unpack(receive_exactly(self._sock, LENGTH.size))
        return receive_exactly(self._sock, length)

    def peek_closed(self) -> bool:
        """Return whether the other end is closed and all of its messages were received."""
        return peek_closed(self._sock)

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait for at most `timeout_s` seconds until the other end is closed."""
        self._sock.settimeout(timeout_s)
        try:
            while self._sock.recv(4096):
                pass
        except OSError:
            return

    def close(self) -> None:
        """Close this end of the channel."""
        self._sock.close()


class Handle:
    """A reference to an object that remains in the server process: a snapshot, or writes that `set_aside` removed."""

    __slots__ = ("__weakref__", "_forget", "number", "received")

    def __init__(self, number: int, forget: Callable[[tuple[int, int]], None]) -> None:
        self.number = number
        self.received = 0
        self._forget = forget

    def __del__(self) -> None:
        self._forget((self.number, self.received))


class Handles:
    """The handles in use in the test process.

    `forgotten` lists the handles that were garbage-collected, each with the number of times it had been received.
    """

    def __init__(self) -> None:
        self.forgotten: deque[tuple[int, int]] = deque()
        self._known: WeakValueDictionary[int, Handle] = WeakValueDictionary()

    def number_of(self, value: object) -> int | None:
        """Return the number that represents a value in a message, or None if the message contains the value itself.

        Raises:
            ValueError: the value is a handle of a different server, for instance of one that has died.
        """
        if type(value) is not Handle:
            return None
        if self._known.get(value.number) is not value:
            raise ValueError("the snapshot belongs to another server, which has ended")
        return value.number

    def named(self, number: int) -> Handle:
        """Return the handle with this number. As long as a handle is referenced, every call returns the same object."""
        handle = self._known.get(number)
        if handle is None:
            handle = self._known[number] = Handle(number, self.forgotten.append)
        handle.received += 1
        return handle

    def enter_fork(self) -> None:
        """Reset the receive counts in a fork: only the parent may release handles that were received before the fork."""
        self.forgotten.clear()
        for handle in self._known.values():
            handle.received = 0

    def take_forgotten(self) -> list[tuple[int, int]]:
        """Return the handles that were garbage-collected since the last call."""
        return [self.forgotten.popleft() for _ in range(len(self.forgotten))]


class Objects:
    """The objects in the server process to which handles refer. Each is retained until the test process has released all of its handles.

    Arguments:
        types: the types of objects to retain here. Values of other types are pickled into the message.
    """

    def __init__(self, types: tuple[type, ...]) -> None:
        self._types = types
        self._numbers: dict[int, int] = {}
        self._kept: dict[int, tuple[Any, int]] = {}
        self._next = 1

    def number_of(self, value: object) -> int | None:
        """Return the number that represents a value in a message, or None if the message contains the value itself."""
        if type(value) not in self._types:
            return None
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = self._next
            self._next += 1
        self._kept[number] = (value, self._kept.get(number, (value, 0))[1] + 1)
        return number

    def named(self, number: int) -> object:
        """Return the object that was registered under a number."""
        return self._kept[number][0]

    def forget(self, forgotten: list[tuple[int, int]]) -> None:
        """Release the objects of handles that were garbage-collected, except objects that have been sent again since."""
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
        """Pickle an exception as its class, `args` and attributes, so that unpickling does not depend on its constructor's signature."""
        if isinstance(value, BaseException) and not isinstance(value, OSError):
            return make_error, (type(value), value.args, vars(value))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, names: Handles | Objects) -> None:
        super().__init__(file)
        self._names = names

    def persistent_load(self, number: int) -> object:
        return self._names.named(number)

    def find_class(self, module: str, name: str) -> Any:
        # Tools such as pytester remove our modules from `sys.modules`. Importing a registry again would register its entries twice.
        if module.startswith("secantus_server."):
            return attrgetter(name)(import_late(module))
        return super().find_class(module, name)


def make_error(cls: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    """Return a copy of an exception that was raised in another process."""
    error = cls.__new__(cls, *args)
    vars(error).update(state)
    return error


def dumps(value: object, names: Handles | Objects) -> bytes:
    """Serialize a value to a message."""
    file = io.BytesIO()
    _Pickler(file, names).dump(value)
    return file.getvalue()


def loads(message: bytes, names: Handles | Objects) -> Any:
    """Deserialize a message."""
    return _Unpickler(io.BytesIO(message), names).load()
