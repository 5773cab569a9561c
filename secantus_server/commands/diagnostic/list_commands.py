"""listCommands. https://www.mongodb.com/docs/manual/reference/command/listCommands/"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import Command, Reply, all_commands, command
from secantus_server.dispatch.request import Request


@command("listCommands", lenient=True, privileges=UNAUTHENTICATED)
def list_commands(_request: Request, _args: dict[str, Any]) -> Reply:
    """List the commands."""
    return {"commands": {name: _describe(entry) for name, entry in all_commands().items() if name == entry.name}}


def _describe(entry: Command) -> dict[str, Any]:
    return {
        "help": entry.help,
        "requiresAuth": entry.privileges.requires_auth,
        "secondaryOk": not entry.is_write,
        "adminOnly": entry.admin_only,
        "apiVersions": ["1"] if entry.in_api_v1 else [],
        "deprecatedApiVersions": [],
    }
