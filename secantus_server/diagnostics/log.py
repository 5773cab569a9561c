"""The server's log: Python's `logging` under the name `secantus`, and the last lines, for getLog."""

from __future__ import annotations

import logging
from collections import deque

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
KEPT_LINES = 1024


class Log:
    """A server's log.

    Arguments:
        level: the minimum level.

    Threads: a deque's append is atomic; `logging` locks itself.
    """

    def __init__(self, level: str) -> None:
        self._logger = logging.getLogger("secantus")
        self._configured = self._level = _LEVELS[level]
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)

    def _write(self, level: int, message: str) -> None:
        if level >= self._level:
            self.lines.append(message)
            self._logger.log(level, message)

    def set_verbose(self, wanted: bool) -> None:
        """Log everything, or return to the configured level."""
        self._level = logging.DEBUG if wanted else self._configured

    def debug(self, message: str) -> None:
        """Log a message that only helps debugging."""
        self._write(logging.DEBUG, message)

    def info(self, message: str) -> None:
        """Log a message for operators."""
        self._write(logging.INFO, message)

    def warning(self, message: str) -> None:
        """Log a possible problem."""
        self._write(logging.WARNING, message)

    def error(self, message: str, error: BaseException | None = None) -> None:
        """Log a failure, with the traceback of `error` if given."""
        self.lines.append(message)
        self._logger.error(message, exc_info=error)
