"""Starts and stops the process of the console, which is a web interface to a server. This module does not import the console itself.

The module does not use `subprocess`, `threading` and `socket`, because test tools patch them.
"""

from __future__ import annotations

import _socket
import base64
import json
import os
import posix
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from secantus_server.net.listener import ListenError
from secantus_server.settings import Settings, SettingsError
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Thread
from secantus_server.system.conditions import Event
from secantus_server.system.sockets import listen

PACKAGES: Final = ("starlette", "uvicorn", "jinja2")
#: The error message if the packages of the extra `console` are not installed.
INSTALL: Final = 'The console needs packages that are not installed: run pip install "pytest-secantus[console]".'
# Python's own path precedes this process's path, because a directory of the program may contain a module with the name of a standard
# module.
_BOOT: Final = """
import sys
own = [entry for entry in sys.path if entry]
sys.path[:] = dict.fromkeys([*own, *sys.argv[1:]])
from secantus_console.child import main
main()
"""
_LISTENER: Final = 3
_END_TIMEOUT_S: Final = 5.0


class ConsoleProcess:
    """A console in a separate process, which ends when the server's process ends.

    Arguments:
        start: the console's configuration, with the keys "uri", "write" and "client_options".
        host: the address to listen on.
        port: the port; 0 selects a free port.
        on_url: called in another thread with each new URL of the console. A URL contains a one-time token.
        on_resume: called in another thread when the user resumes a paused test run, or when the console's process has ended.

    Raises:
        OSError: the address cannot be bound, or the process cannot be started.
    """

    def __init__(
        self, start: dict[str, Any], host: str, port: int, on_url: Callable[[str], None], on_resume: Callable[[], None] = lambda: None
    ) -> None:
        self._on_url = on_url
        self._on_resume = on_resume
        self._listener = listen(host, port)
        name = self._listener.getsockname()
        self._address = f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}"
        token = _token()
        #: The address with the latest one-time token.
        self.url = self._url_of(token)
        #: Whether the process runs. The thread that reads the process's output sets this to False when the process ends.
        self.is_running = True
        self._end, self._input = os.pipe(), os.pipe()
        try:
            self._pid = self._spawn()
        finally:
            os.close(self._input[0])
            os.close(self._end[1])
            # The child listens on its own copy of the socket.
            self._listener.close()
        self._send({**start, "host": host, "token": token})
        self._reader = Thread(self._read, name="secantus-console")
        self._reader.start()

    def _url_of(self, token: str) -> str:
        return f"http://{self._address}/?token={token}"

    def show(self, test: dict[str, Any] | None) -> None:
        """Send a description of the paused test to the console, or None if no test is paused."""
        self._send({"test": test})

    def close(self) -> None:
        """Stop the console's process and wait until it has ended."""
        os.close(self._input[1])
        deadline, pause = monotonic() + _END_TIMEOUT_S, Event()
        while not self._has_ended() and monotonic() < deadline:
            pause.wait(0.005)
        if not self._has_ended():
            posix.kill(self._pid, signal.SIGKILL)
            self._has_ended(block=True)
        self._reader.join(_END_TIMEOUT_S)
        os.close(self._end[0])

    def abandon(self) -> None:
        """Close a forked child's copies of the pipes to the console, because the child must not share the pipes with its parent."""
        os.close(self._input[1])
        os.close(self._end[0])

    def _has_ended(self, *, block: bool = False) -> bool:
        if self._pid:
            try:
                ended, _status = posix.waitpid(self._pid, 0 if block else posix.WNOHANG)
            except ChildProcessError:
                ended = self._pid
            self._pid = 0 if ended else self._pid
        return not self._pid

    def _spawn(self) -> int:
        home = str(Path(__file__).resolve().parent.parent)
        path = [*(entry or str(Path.cwd()) for entry in sys.path if isinstance(entry, str)), home]
        actions = [
            (posix.POSIX_SPAWN_DUP2, self._input[0], 0),
            (posix.POSIX_SPAWN_DUP2, self._end[1], 1),
            (posix.POSIX_SPAWN_DUP2, self._listener.fileno(), _LISTENER),
        ]
        words = [sys.executable, "-c", _BOOT, *path]
        # Start it outside the terminal's foreground process group, so that Ctrl-C reaches only the server. The console ends when the server
        # ends.
        return posix.posix_spawn(sys.executable, words, os.environ, file_actions=actions, setpgroup=0, setsigmask=[])

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._input[1], data) :]

    def _read(self) -> None:
        rest = b""
        while True:
            piece = os.read(self._end[0], 65536)
            if not piece:
                # The console has ended, so its user can no longer resume a paused test run.
                self.is_running = False
                self._on_resume()
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._receive(json.loads(line))

    def _receive(self, message: dict[str, Any]) -> None:
        if "token" in message:
            self.url = self._url_of(message["token"])
            self._on_url(self.url)
        else:
            self._on_resume()


def start_console(settings: Settings, uri: str) -> ConsoleProcess:
    """Start the console of a server.

    Arguments:
        settings: the server's settings.
        uri: the server's connection string without a user name, because the console's user logs in separately.

    Raises:
        ListenError: the console's address cannot be bound.
        SettingsError: the console's packages are not installed.
    """
    check_installed()
    # The server is this process, so the console need not check the certificate, which may be for another address.
    options = {"tlsInsecure": True} if settings.requires_tls else {}
    start = {"uri": uri, "write": settings.console_write, "client_options": options}
    try:
        return ConsoleProcess(start, settings.console_host, settings.console_port, _print_url)
    except OSError as error:
        reason = "the host name cannot be resolved" if isinstance(error, _socket.gaierror) else os.strerror(error.errno or 0)
        raise ListenError(f"Cannot listen on {settings.console_host}:{settings.console_port} for the console: {reason}.") from None


def check_installed() -> None:
    """Raise an error if the packages that the console requires are not installed.

    Raises:
        SettingsError: a package is not installed.
    """
    if not all(find_spec(name) is not None for name in PACKAGES):
        raise SettingsError(INSTALL)


def _print_url(url: str) -> None:
    """Print a new URL of the console. The console creates such a URL when a user without a session requests one.

    The URL is not logged, because it contains a secret token and clients can read the log.
    """
    print(f"console: {url}", file=sys.stderr, flush=True)


def _token() -> str:
    return base64.urlsafe_b64encode(os.urandom(24)).decode()
