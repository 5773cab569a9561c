"""rotateCertificates: reloads the TLS certificates without a restart.

https://www.mongodb.com/docs/manual/reference/command/rotateCertificates/
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request


@command("rotateCertificates", {"message": a.string()}, admin_only=True, privileges=on_cluster("rotateCertificates"))
def rotate_certificates(request: Request, args: dict[str, Any]) -> Reply:
    """Reload the TLS certificates for new connections.

    Raises:
        CommandError: 140 InvalidSSLConfiguration if a file cannot be used. In that case the old certificates remain in use.
    """
    message = args["message"]
    request.services.reload_certificates(f"{request.name}: {message}" if message else request.name)
    return {}
