"""Fail points: set for a test, always switched off after it, on the server on which they were set."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from secantus_conformance.environment import Address, Environment

_DISABLE_TIMEOUT_MS = 5000


class FailPoints:
    """The fail points a test has set. They are switched off through clients behind the scenes, which no fail point has broken."""

    def __init__(self, environment: Environment, internal: MongoClient[Any]) -> None:
        self._environment, self._internal = environment, internal
        self._set: dict[tuple[str, Address | None], None] = {}

    def set(self, client: MongoClient[Any], command: dict[str, Any], session: ClientSession | None = None) -> None:
        """Sets a fail point on the server that a client selects for a primary read. Raises what the command raises."""
        try:
            client.admin.command(command, session=session)
        finally:
            self._set[command["configureFailPoint"], client.primary] = None

    def set_on(self, address: Address, command: dict[str, Any]) -> None:
        """Sets a fail point on one server. Raises what the command raises."""
        self._set[command["configureFailPoint"], address] = None
        self._send(address, command)

    def disable_all(self) -> list[str]:
        """Switches all fail points of the test off. Returns what went wrong, in words."""
        return [problem for name, address in self._set if (problem := self._disable(name, address))]

    def _disable(self, name: str, address: Address | None) -> str | None:
        try:
            self._send(address, {"configureFailPoint": name, "mode": "off"})
        except PyMongoError as error:
            return f"The fail point {name} could not be switched off: {error}"
        return None

    def _send(self, address: Address | None, command: dict[str, Any]) -> None:
        """Runs a command on one server; without an address on the one that the client behind the scenes selects."""
        if address in (None, self._internal.primary):
            self._internal.admin.command(command)
            return
        uri = self._environment.uri_of(address)
        with MongoClient[Any](uri, directConnection=True, serverSelectionTimeoutMS=_DISABLE_TIMEOUT_MS) as client:
            client.admin.command(command)
