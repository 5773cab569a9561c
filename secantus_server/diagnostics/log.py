"""The server's log: to Python's `logging` under the name `secantus`, and the last lines kept for getLog."""

from __future__ import annotations

import logging
from collections import deque

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
KEPT_LINES = 1024


class Log:
    """A server's log.

    Arguments:
        level: the least severe level that is logged.

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
        """Log everything, or go back to the configured level."""
        self._level = logging.DEBUG if wanted else self._configured

    def debug(self, message: str) -> None:
        """What only helps to find a mistake."""
        self._write(logging.DEBUG, message)

    def info(self, message: str) -> None:
        """What an operator may want to know."""
        self._write(logging.INFO, message)

    def warning(self, message: str) -> None:
        """What may be wrong."""
        self._write(logging.WARNING, message)

    def error(self, message: str, error: BaseException | None = None) -> None:
        """What is wrong; with the traceback of the error, if there is one."""
        self.lines.append(message)
        self._logger.error(message, exc_info=error)
