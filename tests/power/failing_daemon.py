"""A daemon in a forked process, which starts in a tenth of a second. Before it exits, it reports the resources that it has not released."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from secantus_server import cli
from tests.integration.daemon import READY
from tests.power.failing_calls import FailingCalls

PATIENCE_S: Final = 40.0


@dataclass(frozen=True)
class Ending:
    """The way in which a daemon has ended.

    Arguments:
        code: the exit code, or the negative number of the signal that ended it; None if it had to be killed.
        stderr: the daemon's output on stderr.
        left: the resources that it had not released; None if it did not report them.
        kept: the allocations by the storage engine that it had not freed.
    """

    code: int | None
    stderr: str
    left: list[str] | None
    kept: int


class ForkedDaemon:
    """A daemon in a fork of this process. No other thread may be running at the time of the fork.

    Arguments:
        calls: counts the allocations that the daemon does not free; None if the library is not loaded.
        store: the daemon's directory.
        arguments: further arguments of its command line.
    """

    def __init__(self, calls: FailingCalls | None, store: Path, *arguments: str) -> None:
        self._errors = store.with_name(f"{store.name}.stderr")
        self._report = store.with_name(f"{store.name}.report")
        self._report.unlink(missing_ok=True)
        reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _become_daemon(calls, store, arguments, writing, self._errors, self._report)
        os.close(writing)
        self._port = self._await_port(reading)
        os.close(reading)

    @property
    def has_started(self) -> bool:
        """Whether the daemon is listening."""
        return self._port is not None

    @property
    def port(self) -> int:
        """The port on which the daemon listens."""
        assert self._port is not None, "the daemon has not started"
        return self._port

    def _await_port(self, reading: int) -> int | None:
        """Wait until the daemon listens, and return its port. Return None if the daemon ends or hangs instead."""
        text, deadline = b"", time.monotonic() + PATIENCE_S
        while not text.endswith(b"\n"):
            if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0] or not (piece := os.read(reading, 4096)):
                return None
            text += piece
        assert text.startswith(READY.encode()), text
        return int(text.decode().split("/")[2].rsplit(":", 1)[1])

    def stop(self) -> Ending:
        """Request that the daemon stops, if it is running. Wait for its end, and return how it ended.

        A daemon that does not end writes the stacks of its threads.
        """
        if self.has_started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        """Kill the daemon with SIGKILL."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def ended(self) -> Ending:
        """Wait until the daemon ends, and return how it ended."""
        deadline, code = time.monotonic() + PATIENCE_S, None
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                break
            time.sleep(0.003)
        else:
            os.kill(self._pid, signal.SIGABRT)
            os.waitpid(self._pid, 0)
        report: dict[str, Any] = json.loads(self._report.read_text()) if self._report.exists() else {}
        return Ending(code, self._errors.read_text(encoding="utf-8", errors="replace"), report.get("left"), report.get("kept", 0))


def _descriptors() -> dict[str, str]:
    """Return the open file descriptors, with the files to which they refer."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found[path.name] = str(path.readlink())
    return found


def _become_daemon(calls: FailingCalls | None, store: Path, arguments: tuple[str, ...], out: int, errors: Path, report: Path) -> None:
    """Run the daemon in this process, report the resources that it has not released, and exit."""
    os.dup2(out, 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    before, kept = _descriptors(), calls.kept if calls else 0
    try:
        line = ["--port", "0", "--storage-path", str(store), "--log-level", "warning", *arguments]
        code = cli.main(line)
    except BaseException:  # noqa: BLE001 - it is reported.
        traceback.print_exc()
        code = 70
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    gc.collect()
    left = [f"descriptor of {target}" for name, target in _descriptors().items() if before.get(name) != target and "/proc/" not in target]
    # Do not count the main thread, and the thread that waits for signals, which ends with the process.
    threads = len([*Path("/proc/self/task").iterdir()]) - 2
    left += [f"{threads} threads of {[one.name for one in threading.enumerate()]} and the storage engine"] if threads else []
    report.write_text(json.dumps({"left": left, "kept": calls.kept - kept if calls else 0}), encoding="utf-8")
    os._exit(code)
