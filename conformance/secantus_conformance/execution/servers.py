"""The servers to which workers connect: our own server (one per worker), a server that a command starts, or an external server."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pymongo import MongoClient

from secantus_conformance.execution.in_process import InProcessServer
from secantus_conformance.failures import UsageError

# Where drivers' tests expect the Unix domain socket of a server, because MongoDB creates it there by default.
_UNIX_FOLDER = Path("/tmp")  # noqa: S108 - no file of ours but the socket, which only this user can use
BUNDLED = (
    f"{shlex.quote(sys.executable)} -m secantus_server.cli --port {{port}} --storage-path :memory: --enable-test-commands "
    f"--unix-socket-prefix {_UNIX_FOLDER}"
)
# The arguments for access control. The superuser is created after the start.
GUARDED = f"{BUNDLED} --auth --login-delay-ms 0"
USER, PASSWORD = "conformance", "conformance"
NULL = f"{shlex.quote(sys.executable)} -m secantus_conformance.null_server --port {{port}}"
_START_SECONDS = 120.0


@dataclass
class ExternalServer:
    """A server that this program has not started and cannot restart."""

    uri: str

    def start(self) -> str:
        """Return the URI of the server."""
        return self.uri

    def exit_reason(self) -> str | None:
        """Return None, because the state of an external server is unknown."""
        return None

    def stop(self) -> None:
        """Do nothing, because this program did not start the server."""


@dataclass
class CommandServer:
    """A server that is started by a command line, in which `{port}` is replaced with the port number.

    Arguments:
        port: the preferred port. If it is occupied or 0, a free port is used.
    """

    command: str
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _log: IO[bytes] | None = field(default=None, init=False)
    _unix_socket: Path | None = field(default=None, init=False)

    def start(self) -> str:
        """Start the server, wait until it listens, then return its URI. Raise UsageError if it does not start."""
        self.stop()
        port = _free_port(self.port)
        if self.command in (BUNDLED, GUARDED):
            self._unix_socket = _UNIX_FOLDER / f"mongodb-{port}.sock"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        arguments = shlex.split(self.command.replace("{port}", str(port)))
        try:
            self._process = subprocess.Popen(arguments, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise UsageError(f"The server {arguments[0]!r} cannot be started: {error}") from error
        self._await(port)
        if self.command != GUARDED:
            return f"mongodb://127.0.0.1:{port}"
        with MongoClient[Any]("127.0.0.1", port) as client:
            client.admin.command("createUser", USER, pwd=PASSWORD, roles=["root"])
        return f"mongodb://{USER}:{PASSWORD}@127.0.0.1:{port}/?authSource=admin"

    def _await(self, port: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(port):
            if self.exit_reason() or time.monotonic() > deadline:
                raise UsageError(f"The server did not start: {self.exit_reason() or f'it does not listen ({self._last_line()})'}.")
            time.sleep(0.05)

    def exit_reason(self) -> str | None:
        """Return why the server has exited, including the last line of its output, or None while it is running."""
        if self._process is None or self._process.poll() is None:
            return None
        return f"the server exited with code {self._process.returncode} ({self._last_line()})"

    def _last_line(self) -> str:
        assert self._log is not None
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "no output"

    def stop(self) -> None:
        """Kill the server. A clean shutdown is unnecessary, because its data are not needed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._unix_socket is not None:
            self._unix_socket.unlink(missing_ok=True)
            self._unix_socket = None
        if self._log is not None:
            self._log.close()
            self._log = None


Server = ExternalServer | CommandServer | InProcessServer


def is_bundled(server: Server) -> bool:
    """Return whether a server is this project's own server."""
    return isinstance(server, InProcessServer) or (isinstance(server, CommandServer) and server.command in (BUNDLED, GUARDED))


def make_servers(
    uris: list[str], command: str | None, workers: int, port: int = 0, *, auth: bool = False, direct: bool = False
) -> list[Server]:
    """Return one server for each worker.

    Arguments:
        port: the preferred port of servers that are started here; 0 for any.
        auth: start the bundled server with access control.
        direct: start the bundled server in the processes of the workers.

    Raise UsageError if there are fewer URIs than workers, or if a command has no `{port}`. Also raise it if `auth` or `direct` is given
    for a server that is not the bundled one, or if both options are given.
    """
    if direct:
        if auth or uris or command is not None:
            raise UsageError("--direct is for the bundled server without access control.")
        return [InProcessServer() for _ in range(workers)]
    if auth and (uris or command is not None):
        raise UsageError("--auth is for the bundled server; for another one, put the user and the password into the --uri.")
    if uris:
        if len(uris) < workers:
            raise UsageError(
                "Tests share databases and fail points, so each worker needs its own server: pass --uri once per worker, or use -n 1."
            )
        return [ExternalServer(uri) for uri in uris[:workers]]
    if command is not None and "{port}" not in command:
        raise UsageError("The command of --server must contain {port}.")
    return [CommandServer(command or (GUARDED if auth else BUNDLED), port) for _ in range(workers)]


def _free_port(preferred: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            if not preferred:
                raise
            return _free_port(0)
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True
