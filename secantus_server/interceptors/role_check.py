"""Refuses commands that only a primary may run, while this node is a secondary.

https://www.mongodb.com/docs/manual/reference/command/replSetStepDown/
"""

from __future__ import annotations

from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.registry import command_to_run, writes
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError

NOT_WRITABLE_PRIMARY = 10107
NOT_PRIMARY_NO_SECONDARY_OK = 13435

# Commands that take no read concern but count as reads, so that a secondary runs them only with a read preference other than primary. A
# getMore is not among them: it is always allowed, because its cursor was.
_READS = frozenset(["collStats", "dataSize", "dbHash", "dbStats", "listCollections", "listDatabases", "listIndexes", "validate"])
_ANYWHERE = frozenset(["getMore", "explain"])


class RoleCheck(Interceptor):
    """An interceptor that refuses writes, and reads with read preference primary, while this node is a secondary."""

    def __init__(self, services: Services) -> None:
        self._topology = services.topology

    @property
    def is_active(self) -> bool:
        """Return whether this node is a secondary."""
        return not self._topology.is_primary

    def before(self, call: Call) -> None:
        """Raise an error if only a primary may run the command.

        Raises:
            CommandError: 10107 NotWritablePrimary for a write, 13435 NotPrimaryNoSecondaryOk for a read with read preference primary.
                Both errors contain the topologyVersion, from which drivers detect that the role has changed.
        """
        if self._topology.check_election():
            return
        command = command_to_run(call.name)
        info = {"topologyVersion": self._topology.version()}
        if writes(command, call.body):
            raise CommandError(NOT_WRITABLE_PRIMARY, "not primary", info=info)
        if (command.is_read or command.name in _READS) and command.name not in _ANYWHERE and not _takes_secondary(call):
            raise CommandError(NOT_PRIMARY_NO_SECONDARY_OK, "not primary and secondaryOk=false", info=info)


def _takes_secondary(call: Call) -> bool:
    preference = call.body.get("$readPreference")
    return type(preference) is dict and preference.get("mode") not in (None, "primary")
