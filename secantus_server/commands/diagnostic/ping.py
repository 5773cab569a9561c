"""ping. https://www.mongodb.com/docs/manual/reference/command/ping/"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request


@command("ping", in_api_v1=True, privileges=UNAUTHENTICATED)
def ping(request: Request, args: dict[str, Any]) -> Reply:
    """Do nothing and reply with success."""
    return {}
