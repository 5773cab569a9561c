"""Fail points: set for a test, always switched off after it."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError


class FailPoints:
    """The fail points a test has set. They are switched off through the client behind the scenes, which no fail point has broken."""

    def __init__(self, internal: MongoClient[Any]) -> None:
        self._internal = internal
        self._names: dict[str, None] = {}

    def set(self, client: MongoClient[Any], command: dict[str, Any], session: ClientSession | None = None) -> None:
        """Sets a fail point on the server that a client selects for a primary read. Raises what the command raises."""
        self._names[command["configureFailPoint"]] = None
        client.admin.command(command, session=session)

    def disable_all(self) -> list[str]:
        """Switches all fail points of the test off. Returns what went wrong, in words."""
        return [problem for name in self._names if (problem := self._disable(name))]

    def _disable(self, name: str) -> str | None:
        try:
            self._internal.admin.command({"configureFailPoint": name, "mode": "off"})
        except PyMongoError as error:
            return f"The fail point {name} could not be switched off: {error}"
        return None
