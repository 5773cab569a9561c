"""The process of a server, seen from inside: `main` is what `child.py` starts.

Descriptor 0 is the door: a socket through which the test process, and each process forked from it, passes the sockets of its channels. The
process ends as soon as nobody holds the other end of the door, or its parent is another one: then the test process is gone.
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
#: How often the process looks whether its parent lives: a fork of that may hold the door open.
PARENT_CHECK_S = 1.0


class Process:
    """The server of this process, and who calls it.

    Threads: each channel has one; `_calls` lets one call at a time run and guards the rest.

    Arguments:
        owner: the process that started this one. What another leaves open when it ends, a fork that crashed, is undone.
    """

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self._server: SecantusDBServer | None = None
        self._objects = Objects((ServerSnapshot, SetAside))
        self._calls = Lock()
        #: The channels of forks, and the snapshots that were opened through each.
        self._forks: dict[Channel, list[ServerSnapshot]] = {}
        self._is_over = False

    def serve(self, channel: Channel) -> None:
        """Answer the calls that come through a channel until it is closed; its first message says from which process."""
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
            # A fork may have ended a moment ago, and its channel's thread not know it yet.
            for fork in [one for one in self._forks if one is not channel and one.has_ended]:
                self._leave(fork)
            try:
                forgotten, name, arguments = loads(message, self._objects)
                self._objects.forget(forgotten)
                return dumps((True, self._call(channel, name, arguments)), self._objects)
            except BaseException as error:  # noqa: BLE001 - it is raised again in the process that called.
                return self._refuse(error)

    def _refuse(self, error: BaseException) -> bytes:
        """The answer that raises an error over there; one that we did not expect is printed as well."""
        if self._server is None:
            self._is_over = True
        elif not isinstance(error, CommandError):
            traceback.print_exc()
        try:
            return dumps((False, error), self._objects)
        except Exception:  # noqa: BLE001 - whatever the error holds that cannot be sent.
            return dumps((False, RuntimeError(f"{type(error).__name__}: {error}")), self._objects)

    def _call(self, channel: Channel, name: str, arguments: tuple[tuple[Any, ...], dict[str, Any]] | None) -> Any:
        """Call a method of the server, or read an attribute of it if there are no arguments; ``start`` makes the server."""
        if name == "start":
            assert arguments is not None
            self._server = SecantusDBServer(**arguments[1])
            self._start(self._server)
            return self._server.uri, self._server.port
        assert self._server is not None, "the server is started first"
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
        # What the start made stays for good: the garbage collector need not look at it again.
        gc.freeze()

    def _leave(self, channel: Channel) -> None:
        """A channel was closed: undo what was written since the first of its snapshots that is still open."""
        opened = self._forks.pop(channel, [])
        if opened and self._server is not None and not self._is_over:
            open_now = self._server.snapshots
            for snapshot in [one for one in opened if one in open_now][:1]:
                self._server.restore(snapshot)
                self._server.release(snapshot)


def main() -> NoReturn:
    """Serve until the test process is gone."""
    # Ctrl-C is the test process's affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    parent = os.getppid()
    door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, DOOR)
    door.settimeout(PARENT_CHECK_S)
    process = Process(parent)
    while (sock := next_channel(door, parent)) is not None:
        Thread(process.serve, (Channel(sock),), "secantus-calls").start()
    # There is nobody for whom anything would have to be kept.
    os._exit(0)


def next_channel(door: _socket.socket, parent: int) -> _socket.socket | None:
    """The next channel's socket, or None when the test process is gone."""
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
