"""Fail points that are set during a test, and disabled on the same servers after it."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from secantus_conformance.environment import Address, Environment

_DISABLE_TIMEOUT_MS = 5000


class FailPoints:
    """The fail points that a test has set. They are disabled through internal clients, which no fail point affects."""

    def __init__(self, environment: Environment, internal: MongoClient[Any]) -> None:
        self._environment, self._internal = environment, internal
        self._set: dict[tuple[str, Address | None], None] = {}

    def set(self, client: MongoClient[Any], command: dict[str, Any], session: ClientSession | None = None) -> None:
        """Set a fail point on the server that a client selects for a read from the primary. If the command fails, raise its error."""
        try:
            client.admin.command(command, session=session)
        finally:
            self._set[command["configureFailPoint"], client.primary] = None

    def set_on(self, address: Address, command: dict[str, Any]) -> None:
        """Set a fail point on the server at the given address. If the command fails, raise its error."""
        self._set[command["configureFailPoint"], address] = None
        self._send(address, command)

    def disable_all(self) -> list[str]:
        """Disable all fail points of the test. Return the errors that occurred, as text."""
        return [problem for name, address in self._set if (problem := self._disable(name, address))]

    def _disable(self, name: str, address: Address | None) -> str | None:
        try:
            self._send(address, {"configureFailPoint": name, "mode": "off"})
        except PyMongoError as error:
            return f"The fail point {name} could not be disabled: {error}"
        return None

    def _send(self, address: Address | None, command: dict[str, Any]) -> None:
        """Run a command on the server at the given address. Without an address, use the server that the internal client selects."""
        if address in (None, self._internal.primary):
            self._internal.admin.command(command)
            return
        uri = self._environment.uri_of(address)
        with MongoClient[Any](uri, directConnection=True, serverSelectionTimeoutMS=_DISABLE_TIMEOUT_MS) as client:
            client.admin.command(command)
