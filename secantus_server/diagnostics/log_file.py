"""The log file, which can be rotated while the server runs.

https://www.mongodb.com/docs/manual/reference/command/logRotate/
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from secantus_server.diagnostics.log_lines import Line
from secantus_server.system._clock import SystemTime
from secantus_server.system._threads import Lock


class LogFile:
    """Writes log lines to a file, which can be rotated.

    Arguments:
        path: the file, to which lines are appended.
        form: converts a line to the text to write.
        renames: whether `rotate` renames the file before it opens a new file. If False, another program must rename the file before it
            calls `rotate`.

    Threads: `_lock` guards the descriptor.

    Raises:
        OSError: if the file cannot be opened.
    """

    def __init__(self, path: Path, form: Callable[[Line], str], *, renames: bool) -> None:
        self._path = path
        self._form = form
        self._renames = renames
        self._lock = Lock()
        self._descriptor = self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def write(self, line: Line) -> None:
        """Append a line. If the disk is full, discard the line without raising an error."""
        data = (self._form(line) + "\n").encode("utf-8", "replace")
        with self._lock:
            try:
                os.write(self._descriptor, data)
            except OSError:
                return

    def rotate(self) -> None:
        """Switch to a new log file.

        If `renames` is True, first rename the current file by appending the time to its name. Otherwise another program has renamed it.

        Raises:
            OSError: if the file cannot be renamed or opened. Lines are then still written to the old file.
        """
        with self._lock:
            if self._renames:
                self._path.rename(self._free_name())
            old, self._descriptor = self._descriptor, self._open()
            os.close(old)

    def _free_name(self) -> Path:
        time = datetime.fromtimestamp(SystemTime().now_ms() / 1000, timezone.utc).strftime("%Y-%m-%dT%H-%M-%S")
        names = [self._path.with_name(f"{self._path.name}.{time}{suffix}") for suffix in ("", *(f"-{n}" for n in range(1, 1000)))]
        return next(name for name in names if not name.exists())

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            os.close(self._descriptor)
