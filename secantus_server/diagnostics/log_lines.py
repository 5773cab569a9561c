"""The lines of the log, as text or in MongoDB's structured form.

https://www.mongodb.com/docs/manual/reference/log-messages/#structured-logging
"""

from __future__ import annotations

import logging
import traceback
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple

from secantus_server.bson import RawDocument, decode

_SEVERITIES: Final = {logging.DEBUG: "D1", logging.INFO: "I", logging.WARNING: "W", logging.ERROR: "E"}


class Line(NamedTuple):
    """A line of the log.

    Arguments:
        millis: the time in milliseconds since the epoch.
        level: a level of `logging`.
        message: the message, with its details.
        component: the part of the server, one of MongoDB's components.
        id: MongoDB's id of the message if MongoDB has the same message, otherwise 0.
        context: the thread: "conn12" for a connection's.
        summary: the message without its details, which are the attributes; None for the message itself.
        attributes: the details of the message.
        error: the exception that the message reports, or None.
    """

    millis: int
    level: int
    message: str
    component: str = "CONTROL"
    id: int = 0
    context: str = "main"
    summary: str | None = None
    attributes: dict[str, Any] | None = None
    error: BaseException | None = None

    def time(self) -> str:
        """Return the time in ISO 8601 with milliseconds, in UTC."""
        return datetime.fromtimestamp(self.millis / 1000, timezone.utc).isoformat(timespec="milliseconds")


def as_text(line: Line) -> str:
    """Return a line as readable text."""
    shown = f"{line.time()} {logging.getLevelName(line.level)} {line.message}"
    return shown if line.error is None else f"{shown}\n{_trace(line.error)}"


def as_json(line: Line) -> str:
    """Return a line as a JSON document with the fields `t`, `s`, `c`, `id`, `ctx`, `msg` and `attr`."""
    # Imported here, because only a daemon that logs JSON needs it.
    import json

    document: dict[str, Any] = {
        "t": {"$date": line.time()},
        "s": _SEVERITIES[line.level],
        "c": line.component,
        "id": line.id,
        "ctx": line.context,
        "msg": line.summary or line.message,
    }
    attributes = dict(line.attributes or {})
    if line.error is not None:
        attributes["error"] = _trace(line.error)
    if attributes:
        document["attr"] = attributes
    return json.dumps(document, default=_shown, separators=(",", ":"), ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """A formatter of `logging` records as JSON lines, for a daemon that logs to stderr."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = getattr(record, "secantus", None) or Line(int(record.created * 1000), record.levelno, record.getMessage(), component="-")
        return as_json(line)


def _shown(value: Any) -> Any:
    """Return a value that JSON lacks: a document that was not decoded, or the text of another one."""
    return decode(value.data) if type(value) is RawDocument else str(value)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
