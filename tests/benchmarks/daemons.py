"""Context managers that start and stop the measured servers, each in a separate process."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import replay

OURS = shlex.join([sys.executable, "-c", "from secantus_server.cli import main; main()"])
START_SECONDS = 30.0


class NotStarted(Exception):
    """The error if a daemon exits immediately, or does not listen in time."""


def free_port() -> int:
    """Return a port that is currently unused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until `port` accepts connections. Raise NotStarted if the process exits first or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise NotStarted(f"the server {process.args!r} did not start")


@contextmanager
def daemon(command: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a MongoDB-compatible daemon with an in-memory store. Yield its port and process.

    ``--port N --storage-path :memory:`` is appended to `command`, because both our server and the peer accept these options.
    """
    port = free_port()
    words = [*shlex.split(command), "--port", str(port), "--storage-path", ":memory:"]
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(words, env=environment(), cwd=directory, stdout=output, stderr=output)
        try:
            wait_until_listening(port, process)
            yield port, process
        except NotStarted as error:
            output.seek(0)
            raise NotStarted(f"{error}: {output.read().decode(errors='replace')[-2000:]}") from None
        finally:
            process.terminate()
            process.wait(30)


def environment() -> dict[str, str]:
    """Return the environment for a server's process: a copy of this process's, with the repository importable from any directory."""
    top = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [top, os.environ.get("PYTHONPATH", "")]))}


@contextmanager
def floor(recordings: dict[str, replay.Recordings], *, eager: bool = False) -> Iterator[dict[str, int]]:
    """Run the replay server, which is the fastest possible server. Yield the port of each row.

    An eager server spins until the next message arrives before it blocks.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "recordings.bson")
        replay.save(path, recordings)
        words = [sys.executable, "-m", "tests.benchmarks.replay", str(path), *(["--eager"] if eager else [])]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "\n")
            yield {name: int(port) for name, port in (line.rstrip("\n").split("\t") for line in lines)}
        finally:
            process.stdin.close()
            process.wait(10)
            process.stdout.close()
