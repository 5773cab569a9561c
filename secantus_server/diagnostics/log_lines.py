"""Formats log lines as text or as MongoDB's structured JSON.

https://www.mongodb.com/docs/manual/reference/log-messages/#structured-logging
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Final

from bson.binary import UUID_SUBTYPE, Binary

from secantus_server.bson import RawDocument, decode
from secantus_server.bson.values import Date
from secantus_server.records import NamedTuple

_SEVERITIES: Final = {logging.DEBUG: "D1", logging.INFO: "I", logging.WARNING: "W", logging.ERROR: "E"}


class Line(NamedTuple):
    """A line of the log.

    Arguments:
        millis: the time in milliseconds since the epoch.
        level: a level of `logging`.
        message: the message, including its details.
        component: the part of the server, as one of MongoDB's component names.
        id: MongoDB's id for the same message, or 0 if MongoDB has no such message.
        context: the name of the thread, such as "conn12" for a connection's thread.
        summary: the message without its details; None if it equals `message`.
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
    """Format a line as readable text."""
    shown = f"{line.time()} {logging.getLevelName(line.level)} {line.message}"
    return shown if line.error is None else f"{shown}\n{_trace(line.error)}"


def as_json(line: Line) -> str:
    """Format a line as a JSON document with the fields `t`, `s`, `c`, `id`, `ctx`, `msg` and `attr`."""
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
    return json.dumps(_plain(document), separators=(",", ":"), ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """Formats `logging` records as JSON lines, for a daemon that logs to stderr."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the JSON line for a record."""
        line = getattr(record, "secantus", None) or Line(int(record.created * 1000), record.levelno, record.getMessage(), component="-")
        return as_json(line)


def _plain(value: Any) -> Any:
    """Convert a value to JSON types. The result is relaxed Extended JSON, as in MongoDB's log, or a text if BSON has no such type."""
    # Imported here, because only lines with attributes need it.
    from bson import json_util
    from bson.datetime_ms import DatetimeMS

    kind = type(value)
    if kind is RawDocument:
        return _plain(decode(value.data))
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, str | int) or (kind is float and math.isfinite(value)):
        return value
    if kind is Binary and value.subtype == UUID_SUBTYPE and len(value) == 16:
        return {"$uuid": str(value.as_uuid())}
    try:
        return json_util.default(DatetimeMS(value.ms) if kind is Date else value, json_util.RELAXED_JSON_OPTIONS)
    except TypeError:
        return str(value)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
