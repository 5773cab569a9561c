"""explain: how a query would be run, and what it did.

https://www.mongodb.com/docs/manual/reference/command/explain/
"""

from __future__ import annotations

from typing import Any

from secantus_server.commands.registry import Reply
from secantus_server.commands.request import Request
from secantus_server.errors import not_supported


def explain_command(request: Request, body: dict[str, Any], verbosity: str) -> Reply:
    """Explain a command."""
    raise not_supported("explain", "leave it out")
