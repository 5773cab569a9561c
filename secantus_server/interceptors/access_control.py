"""Authorizes commands. The interceptor is installed only on a server with access control.

https://www.mongodb.com/docs/manual/core/authorization/
"""

from __future__ import annotations

from secantus_server.bson import decode, encode
from secantus_server.bson.shell import document_text
from secantus_server.dispatch.access import Access
from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.privileges import is_authorized
from secantus_server.dispatch.raw_data import FIELD, may_use_raw_data
from secantus_server.dispatch.registry import command_to_run
from secantus_server.errors import UNAUTHORIZED, CommandError


class AccessCheck(Interceptor):
    """An interceptor that refuses commands for which the user lacks a required privilege."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def before(self, call: Call) -> None:
        """Raise an error if the user may not run the command.

        Raises:
            CommandError: 13 Unauthorized.
        """
        command = command_to_run(call.name)
        privileges = command.privileges
        if not privileges.requires_auth:
            return
        grants = call.client.grants
        assert grants is not None, "dispatch refuses clients that have not authenticated"
        is_exception = not call.client.users
        allowed = is_authorized(privileges, call, grants) and (FIELD not in call.body or may_use_raw_data(call, grants))
        if allowed and (privileges.actions or not is_exception):
            return
        if is_exception:
            # Localhost exception: while there are no users, a client on this machine may create the first user, but do nothing else.
            raise CommandError(UNAUTHORIZED, f"Command {call.name} requires authentication")
        shown = document_text(decode(encode(call.operation.body)))
        raise CommandError(UNAUTHORIZED, f"not authorized on {call.db} to execute command {shown}")
