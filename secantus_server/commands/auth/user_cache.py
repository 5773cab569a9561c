"""invalidateUserCache. https://www.mongodb.com/docs/manual/reference/command/invalidateUserCache/"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request


@command("invalidateUserCache", {}, admin_only=True, privileges=on_cluster("invalidateUserCache"))
def invalidate_user_cache(request: Request, _args: dict[str, Any]) -> Reply:
    """Clear the cache of users and roles, so that the next command of each client reads them from the store."""
    if request.services.access is not None:
        request.services.access.renew()
    return {}
