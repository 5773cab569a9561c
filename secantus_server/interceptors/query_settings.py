"""Applies the query settings of a command's query shape: rejects the command, or makes the planner follow the settings.

https://www.mongodb.com/docs/manual/reference/command/setQuerySettings/
"""

from __future__ import annotations

from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.services import Services
from secantus_server.modules import import_late


class QuerySettingsCheck(Interceptor):
    """An interceptor that looks up the query settings for each command. It is active while any query settings exist."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def is_active(self) -> bool:
        """Return whether any query settings exist."""
        return bool(self._services.query_settings)

    def before(self, call: Call) -> None:
        """Look up the query settings of a command's query shape and attach them to the command.

        If the settings require it, limit the command's time or reject the command. An explain is never rejected.

        Raises:
            CommandError: 411 QueryRejectedBySettings.
        """
        name, body = call.name, call.body
        explains = name == "explain" and type(body["explain"]) is dict and bool(body["explain"])
        if explains:
            body = body["explain"]
            name = next(iter(body))
        found = import_late("secantus_server.query.query_settings").settings_of(self._services.query_settings, call.db, name, body)
        if found is not None:
            call.settings = found
            if not explains and not body.get("explain"):
                found.apply(call.operation)
