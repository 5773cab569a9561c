"""Secantus: a server for MongoDB's wire protocol over WiredTiger, run in its own process or embedded in another process.

The entry point is `from secantus_server import SecantusDBServer`. `SecantusDBServer` is imported on first access, so that a subpackage
such as `secantus_server.bson` can be used without the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secantus_server.server import SecantusDBServer

__all__ = ["SecantusDBServer"]


def __getattr__(name: str) -> Any:
    if name != "SecantusDBServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from secantus_server.server import SecantusDBServer

    return SecantusDBServer
