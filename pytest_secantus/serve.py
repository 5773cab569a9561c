"""The main program of the server's child process, which `child.py` starts.

File descriptor 0 is the *door*, a socket through which the test process and each of its forks pass the sockets of their channels. This
process exits when no process has the opposite end of the door open, or when its parent changes. In either case the test process has
ended.
"""

from __future__ import annotations

import _socket
import array
import faulthandler
import gc
import os
import signal
import traceback
from typing import Any, NoReturn

from pytest_secantus.channel import Channel, Objects, dumps, loads
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.snapshots import ServerSnapshot, SetAside
from secantus_server.system._threads import Lock, Thread

DOOR = 0
#: The interval for checking that the parent is alive. A fork of the parent may keep the door open.
PARENT_CHECK_S = 1.0


class Process:
    """Runs the server in this process, and serves the channels through which other processes call it.

    Threads: each channel has one thread. The lock `_calls` serializes calls and guards all other attributes.

    Arguments:
        owner: the process that started this one. A snapshot that any other process leaves open, such as a crashed fork, is undone.
    """

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self._server: SecantusDBServer | None = None
        self._objects = Objects((ServerSnapshot, SetAside))
        self._calls = Lock()
        #: The channels of forks, each with the snapshots that were opened through it.
        self._forks: dict[Channel, list[ServerSnapshot]] = {}
        self._is_over = False

    def serve(self, channel: Channel) -> None:
        """Execute the calls that arrive on a channel until it is closed. The channel's first message is the caller's process id."""
        try:
            if loads(channel.receive(), self._objects) != self._owner:
                with self._calls:
                    self._forks[channel] = []
            while not self._is_over:
                channel.send(self._answer(channel, channel.receive()))
            os._exit(0)
        except (OSError, EOFError):
            with self._calls:
                self._leave(channel)
        finally:
            channel.close()

    def _answer(self, channel: Channel, message: bytes) -> bytes:
        with self._calls:
            # A fork may have ended a moment ago, before the thread of its channel could notice.
            for fork in [one for one in self._forks if one is not channel and one.peek_closed()]:
                self._leave(fork)
            try:
                forgotten, name, arguments = loads(message, self._objects)
                self._objects.forget(forgotten)
                return dumps((True, self._call(channel, name, arguments)), self._objects)
            except BaseException as error:  # noqa: BLE001 - the error is raised again in the calling process.
                return self._refuse(error)

    def _refuse(self, error: BaseException) -> bytes:
        """Return the reply that raises an error in the caller. Also print the error if it is unexpected."""
        if self._server is None:
            self._is_over = True
        elif not isinstance(error, CommandError):
            traceback.print_exc()
        try:
            return dumps((False, error), self._objects)
        except Exception:  # noqa: BLE001 - the error may contain anything that cannot be pickled.
            return dumps((False, RuntimeError(f"{type(error).__name__}: {error}")), self._objects)

    def _call(self, channel: Channel, name: str, arguments: tuple[tuple[Any, ...], dict[str, Any]] | None) -> Any:
        """Call a method of the server, or read an attribute if `arguments` is None; return the result. ``start`` creates the server."""
        if name == "start":
            assert arguments is not None
            self._server = SecantusDBServer(**arguments[1])
            self._start(self._server)
            return self._server.uri, self._server.port
        assert self._server is not None, "the server has not been started"
        self._is_over = name == "stop"
        attribute = getattr(self._server, name)
        if arguments is None:
            return attribute
        if channel not in self._forks:
            return attribute(*arguments[0], **arguments[1])
        before = self._server.snapshots
        try:
            return attribute(*arguments[0], **arguments[1])
        finally:
            self._forks[channel] += [one for one in self._server.snapshots if one not in before]

    def _start(self, server: SecantusDBServer) -> None:
        try:
            server.start()
        except BaseException:
            self._server = None
            raise
        # Exclude the objects created so far from garbage collection: they live until the process ends.
        gc.freeze()

    def _leave(self, channel: Channel) -> None:
        """Undo all writes since the outermost snapshot that a closed channel left open."""
        opened = self._forks.pop(channel, [])
        if opened and self._server is not None and not self._is_over:
            open_now = self._server.snapshots
            for snapshot in [one for one in opened if one in open_now][:1]:
                self._server.restore(snapshot)
                self._server.release(snapshot)


def main() -> NoReturn:
    """Serve calls until the test process has ended."""
    # Ignore Ctrl-C, which is meant for the test process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    parent = os.getppid()
    door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, DOOR)
    door.settimeout(PARENT_CHECK_S)
    process = Process(parent)
    while (sock := next_channel(door, parent)) is not None:
        Thread(process.serve, (Channel(sock),), "secantus-calls").start()
    # No data needs to be saved, since the test process has ended.
    os._exit(0)


def next_channel(door: _socket.socket, parent: int) -> _socket.socket | None:
    """Return the socket of the next channel, or None when the test process has ended."""
    one = array.array("i", [0])
    while os.getppid() == parent:
        try:
            data, ancillary, _, _ = door.recvmsg(1, _socket.CMSG_SPACE(one.itemsize))
        except TimeoutError:
            continue
        except OSError:
            return None
        if not data:
            return None
        if ancillary:
            one = array.array("i", ancillary[0][2])
            return _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, one[0])
    return None
