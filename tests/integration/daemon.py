"""The daemon in its own process, for tests that kill it, fill its disk or send it invalid messages."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.conftest import ROOT

READY = "secantusdb is ready: "


SERVER = ("-m", "secantus_server")


def command(*arguments: str | Path, program: Sequence[str] = SERVER) -> list[str]:
    """Return the command line that runs the daemon with these arguments."""
    return [sys.executable, *program, *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return the environment variables with which the daemon imports the tree under test."""
    path = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}" if path else str(ROOT), "PYTHONUNBUFFERED": "1"}


class Daemon:
    """A running daemon.

    Arguments:
        storage: the storage directory, or ":memory:".
        arguments: further arguments of the command line.
        program: Python's arguments that start the daemon; by default the unchanged daemon.
        options: further arguments of Popen.
    """

    def __init__(self, storage: str | Path, *arguments: str, program: Sequence[str] = SERVER, **options: Any) -> None:
        line = command("--port", "0", "--storage-path", storage, "--log-level", "warning", *arguments, program=program)
        options = {"stderr": subprocess.PIPE, "env": environment(), **options}
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, **options)
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if not first.startswith(READY):
            _, complaint = self.process.communicate(timeout=20)
            raise AssertionError(f"the daemon did not start: {first}{complaint}")
        self.uri = first.removeprefix(READY).strip()
        self.port = int(self.uri.split("/")[2].rsplit(":", 1)[1])

    def client(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return a new client."""
        return MongoClient(self.uri, **{"serverSelectionTimeoutMS": 5000, **options})

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self.process.kill()
        self.process.communicate()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal that makes the daemon exit; return the exit code and the error output."""
        self.process.send_signal(number)
        _, complaint = self.process.communicate(timeout=20)
        return self.process.returncode, complaint


@contextlib.contextmanager
def running(storage: str | Path = ":memory:", *arguments: str, **options: Any) -> Iterator[Daemon]:
    """Run a daemon for a block."""
    daemon = Daemon(storage, *arguments, **options)
    try:
        yield daemon
    finally:
        daemon.kill()
