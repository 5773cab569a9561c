"""The collection of the driver's log messages while a test's operations run."""

from __future__ import annotations

import logging
from typing import Any

from pymongo import MongoClient

from secantus_conformance import extjson
from secantus_conformance.unified.driver_private import topology_id

LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "info", "debug", "trace")


class LogCollector(logging.Handler):
    """A handler that collects the driver's log records between `start` and `stop`."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._records: list[logging.LogRecord] = []
        self._logger = logging.getLogger("pymongo")

    def emit(self, record: logging.LogRecord) -> None:
        """Store a log record."""
        self._records.append(record)

    def start(self) -> None:
        """Start collecting."""
        self._logger.addHandler(self)
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False

    def stop(self) -> None:
        """Stop collecting, and disable the driver's log."""
        self._logger.removeHandler(self)
        self._logger.setLevel(logging.WARNING)

    def messages(self, client: MongoClient[Any], observed: dict[str, str]) -> list[dict[str, Any]]:
        """Return a client's log messages as documents of the format. Include only observed components with at least the requested
        severity.
        """
        wanted = topology_id(client)
        found = [_message(record) for record in self._records if record.name.startswith("pymongo.")]
        return [
            {key: message[key] for key in ("level", "component", "data")}
            for message in found
            if message["owner"] == wanted and _severe_enough(message, observed)
        ]


def _message(record: logging.LogRecord) -> dict[str, Any]:
    try:
        data = extjson.loads(record.getMessage())
    except ValueError:
        data = {}
    owner = data.get("clientId", data.get("topologyId"))
    return {"level": record.levelname.lower(), "component": record.name.removeprefix("pymongo."), "data": data, "owner": owner}


def _severe_enough(message: dict[str, Any], observed: dict[str, str]) -> bool:
    threshold = observed.get(message["component"])
    return threshold is not None and LEVELS.index(message["level"]) <= LEVELS.index(threshold)
