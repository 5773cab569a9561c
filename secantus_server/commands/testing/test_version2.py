"""testVersion2: a command for tests alone, which belongs to a version of the Stable API that does not exist.

Drivers send it to see how a server refuses a command that is not in API Version 1.
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.privileges import AUTHENTICATED
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError


@command("testVersion2", privileges=AUTHENTICATED)
def answer_test_version_2(request: Request, args: dict[str, Any]) -> Reply:
    """Answer, where test commands are enabled.

    Raises:
        CommandError: 59 where they are not.
    """
    if not request.services.settings.enable_test_commands:
        raise CommandError(59, "no such command: 'testVersion2'")
    return {}
