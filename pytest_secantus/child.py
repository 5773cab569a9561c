"""A server in a child process, with the interface of the in-process server.

This module starts and calls the server without `subprocess`, `threading` and `socket`, so that it works in a process where gevent or
eventlet has patched these modules. A fork of the test process may call the server too, because each process has its own channel.
"""

from __future__ import annotations

import _socket
import array
import os
import posix
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

from pytest_secantus.channel import Channel, Handle, Handles, dumps, loads
from pytest_secantus.errors import CannotStart, ServerDied
from secantus_server.checkpoint import checkpoint
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import RLock
from secantus_server.system.conditions import Event

#: The code that the child process runs. It must import the same package as this process, so it receives this process's path. Python's own
#: entries precede the test directories that pytest puts first, since a test directory may contain a module named like a standard one.
BOOT = """
import sys
own = [entry for entry in sys.path if entry]
home, *other = sys.argv[1:]
sys.path[:] = dict.fromkeys([*own, *other] if home in own else [home, *own, *other])
from pytest_secantus.serve import main
main()
"""
#: The maximum time that the child process may take to stop the server.
END_TIMEOUT_S = 10.0
#: The maximum time that the child process may take to exit after its channel is closed.
DEATH_TIMEOUT_S = 5.0
#: Stands for the unknown exit status of a process that other code has already waited for.
UNKNOWN = -1


class Verb:
    """A descriptor that forwards a method call to the server's method of the same name in the child process."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, server: ChildServer, owner: type) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return server.call(self._name, (args, kwargs))

        return call


class ChildServer:
    """A server in a child process. The child process exits when this process exits.

    Arguments:
        **settings: the settings of `SecantusDBServer`.
    """

    #: Forks of the test process may use the server in the same way as the test process.
    serves_forks = True

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._lock = RLock()  # allows one call at a time; a fork creates its own
        self._handles = Handles()
        self._door: _socket.socket | None = None
        self._channel: Channel | None = None
        self._pid = 0
        self._owner = 0
        self._process = os.getpid()
        self._status: int | None = None
        self.uri = ""
        self.port: int = settings.get("port", 0)

    # The server's methods, which `Verb` calls in the child process. A new method needs one line here.
    keep_definitions = Verb()
    snapshot = Verb()
    restore = Verb()
    release = Verb()
    written_since = Verb()
    set_aside = Verb()
    put_back = Verb()
    log_commands = Verb()
    stop_logging_commands = Verb()
    logged_commands = Verb()
    command_log_position = Verb()
    commands_left_out = Verb()
    clear_command_log = Verb()
    take_commands = Verb()
    index_usage = Verb()
    tap_commands = Verb()
    stop_tapping = Verb()
    set_fault = Verb()
    end_fault = Verb()
    fault_count = Verb()
    clock = Verb()
    move_clock = Verb()
    restore_clock = Verb()
    dump = Verb()
    differences = Verb()
    block = Verb()
    present = Verb()

    @property
    def snapshots(self) -> tuple[Handle, ...]:
        """The open snapshots, outermost first."""
        return cast("tuple[Handle, ...]", self.call("snapshots", None))

    @property
    def settings(self) -> Any:
        """The server's settings."""
        return self.call("settings", None)

    @property
    def pid(self) -> int:
        """The id of the server process."""
        return self._pid

    def checkpoint(self) -> AbstractContextManager[Any]:
        """Return a context manager that undoes the writes of its block."""
        return checkpoint(self)

    def start(self) -> ChildServer:
        """Start the child process, and start the server in it. After a restart, the server listens on the same port as before.

        Raises:
            CannotStart: the process cannot be started, or exits immediately.
            OSError: the Python executable does not exist.
            Exception: any error that `SecantusDBServer` raises.
        """
        door, inside = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            self._pid = spawn(inside.fileno())
        except BaseException:
            door.close()
            raise
        finally:
            inside.close()
        self._door, self._owner, self._status, self._handles = door, os.getpid(), None, Handles()
        try:
            self.uri, self.port = self.call("start", ((), {**self._settings, "port": self.port}))
        except ServerDied as death:
            self._end()
            raise CannotStart(f"the server's process cannot be started: {death}") from death
        except BaseException:
            self._end()
            raise
        return self

    def stop(self) -> None:
        """Stop the server and end its process; in a fork, only close the channel. A second call does nothing."""
        if self._door is None:
            return
        try:
            if os.getpid() == self._owner and self.death() is None:
                self.call("stop", ((), {}))
        except ServerDied:
            return
        finally:
            self._end()

    def death(self) -> str | None:
        """Describe how the server process ended. Return None while the process runs, and in a fork, which cannot read the exit status."""
        if self._status is None and self._pid and os.getpid() == self._owner:
            self._reap(posix.WNOHANG)
        return None if self._status is None else describe_end(self._pid, self._status)

    def call(self, name: str, arguments: tuple[tuple[Any, ...], dict[str, Any]] | None) -> Any:
        """Call a method of the server, or read an attribute if `arguments` is None.

        Raises:
            ServerDied: the process has ended.
            Exception: any error that the method raises in the child process.
        """
        if self._process != os.getpid():
            self._enter_fork()
        with self._lock:
            try:
                channel = self._open_channel()
                channel.send(dumps((self._handles.take_forgotten(), name, arguments), self._handles))
                succeeded, value = loads(channel.receive(), self._handles)
            except (OSError, EOFError) as error:
                self._close_channel()
                raise ServerDied(self._await_end()) from error
            except BaseException:
                # An interrupt such as Ctrl-C can leave an unread reply in the channel.
                self._close_channel()
                raise
        if not succeeded:
            raise value
        return value

    def _enter_fork(self) -> None:
        """Replace the channel and the lock in a fork, because the fork only has copies of the parent's."""
        self._lock, self._process = RLock(), os.getpid()
        self._handles.enter_fork()
        self._close_channel()

    def _open_channel(self) -> Channel:
        """Return this process's channel; open it on first use."""
        if self._door is None:
            raise RuntimeError("the server is not running; call start() first")
        if self._channel is None:
            here, there = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
            passed = array.array("i", [there.fileno()])
            try:
                self._door.sendmsg([b"c"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, passed)])
            finally:
                there.close()
            self._channel = Channel(here)
            self._channel.send(dumps(os.getpid(), self._handles))
        return self._channel

    def _close_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _end(self) -> None:
        """Close the channel. If this process started the child, wait for it to exit."""
        door, self._door = self._door, None
        if door is not None:
            door.close()
        if self._channel is not None and os.getpid() == self._owner:
            self._channel.wait_for_end(END_TIMEOUT_S)
        self._close_channel()
        self._await_end()

    def _await_end(self) -> str:
        """Wait until the server process exits after its channel was closed; return a description of how it ended."""
        if os.getpid() != self._owner:
            return "the server's process has ended"
        deadline, pause = monotonic() + DEATH_TIMEOUT_S, Event()
        while (death := self.death()) is None and monotonic() < deadline:
            pause.wait(0.001)
        if death is None:
            assert self._pid > 0, "a number of 0 would be the whole group of this process"
            posix.kill(self._pid, signal.SIGKILL)
            self._reap(0)
            return f"the server's process {self._pid} stopped answering and was killed"
        return death

    def _reap(self, flags: int) -> None:
        """Read the exit status of the server process, unless other code has already read it."""
        try:
            pid, status = posix.waitpid(self._pid, flags)
        except ChildProcessError:
            self._status = UNKNOWN
        else:
            if pid:
                self._status = status


def spawn(door: int) -> int:
    """Start the server's process and return its process id.

    The process does not run in the terminal's foreground group, so that Ctrl-C and Ctrl-Z reach only the tests.

    Arguments:
        door: the file descriptor that becomes the process's standard input.
    """
    home = str(Path(__file__).resolve().parent.parent)
    path = [home, *(entry or str(Path.cwd()) for entry in sys.path if isinstance(entry, str))]
    actions = [(posix.POSIX_SPAWN_DUP2, door, 0), (posix.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    if not sys.executable:
        raise CannotStart("secantus_process: the server's process cannot be started: the path of the Python executable is unknown")
    words = [sys.executable, "-c", BOOT, *path]
    return posix.posix_spawn(sys.executable, words, os.environ, file_actions=actions, setpgroup=0, setsigmask=[])


def describe_end(pid: int, status: int) -> str:
    """Describe how a process ended."""
    if status == UNKNOWN:
        return f"the server's process {pid} has ended"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in set(signal.Signals) else "unknown"
        return f"the server's process {pid} was terminated by signal {number} ({name})"
    return f"the server's process {pid} ended with exit status {os.WEXITSTATUS(status)}"
