"""The server's log. Lines are written to a file or to Python's logger `secantus`, and the last lines are retained for getLog."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from secantus_server.diagnostics.log_lines import Line
from secantus_server.system._clock import SystemTime

if TYPE_CHECKING:
    from secantus_server.diagnostics.log_file import LogFile

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
KEPT_LINES = 1024


class Log:
    """A server's log.

    Arguments:
        level: the minimum level.
        file: the file to which the lines are written; None to use Python's `logging`.
        now_ms: returns the time in milliseconds since the epoch.

    Attributes:
        kept: the last lines.

    Threads: appending to a deque is atomic, and `logging` and `LogFile` are thread-safe.
    """

    def __init__(self, level: str, file: LogFile | None = None, now_ms: Callable[[], int] | None = None) -> None:
        self._logger = logging.getLogger("secantus")
        self._configured = self._level = _LEVELS[level]
        self._file = file
        self._now_ms = now_ms or SystemTime().now_ms
        self.kept: deque[Line] = deque(maxlen=KEPT_LINES)
        #: The number of lines ever written.
        self.total = 0

    @property
    def lines(self) -> list[str]:
        """Return the messages of the most recent lines."""
        return [line.message for line in self.kept]

    def write(self, level: int, message: str, *, error: BaseException | None = None, **details: Any) -> None:
        """Write a line if its level reaches the minimum level.

        Arguments:
            level: a level of `logging`.
            error: the exception that the line reports.
            **details: `component`, `id`, `context`, `summary` and `attributes` of `Line`.
        """
        if level < self._level:
            return
        line = Line(self._now_ms(), level, message, error=error, **details)
        self.kept.append(line)
        self.total += 1
        if self._file is not None:
            self._file.write(line)
        else:
            self._logger.log(level, message, exc_info=error, extra={"secantus": line})

    def set_verbose(self, wanted: bool) -> None:
        """Log all messages if `wanted` is true. Otherwise log only messages of at least the configured level."""
        self._level = logging.DEBUG if wanted else self._configured

    def rotate(self) -> None:
        """Start a new log file, if the log has a file.

        Raises:
            OSError: if the file cannot be renamed or opened.
        """
        if self._file is not None:
            self._file.rotate()

    def close(self) -> None:
        """Close the log file, if the log has one. Later lines go to Python's `logging`."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def debug(self, message: str, **details: Any) -> None:
        """Log a message for debugging. See `write` for `details`."""
        self.write(logging.DEBUG, message, **details)

    def info(self, message: str, **details: Any) -> None:
        """Log a message for operators. See `write` for `details`."""
        self.write(logging.INFO, message, **details)

    def warning(self, message: str, **details: Any) -> None:
        """Log a possible problem. See `write` for `details`."""
        self.write(logging.WARNING, message, **details)

    def error(self, message: str, error: BaseException | None = None, **details: Any) -> None:
        """Log a failure, with the traceback of `error` if given. See `write` for `details`."""
        self.write(logging.ERROR, message, error=error, **details)
