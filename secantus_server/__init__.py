"""Secantus: a server that speaks MongoDB's wire protocol over WiredTiger, in a process of its own or inside another one.

`from secantus_server import SecantusDBServer` is the way in. It is imported when it is asked for: a package below, such as
`secantus_server.bson`, can be used without the server.
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
