"""testVersion2: a command that belongs only to a fictitious version 2 of the Stable API.

Driver tests use the command to check how a server rejects a command that is not in API Version 1.
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.privileges import AUTHENTICATED
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError


@command("testVersion2", privileges=AUTHENTICATED)
def answer_test_version_2(request: Request, args: dict[str, Any]) -> Reply:
    """Reply with success if test commands are enabled.

    Raises:
        CommandError: 59 if test commands are not enabled.
    """
    if not request.services.settings.enable_test_commands:
        raise CommandError(59, "no such command: 'testVersion2'")
    return {}
