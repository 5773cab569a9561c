"""authenticate: X.509 authentication with the client's TLS certificate. All other mechanisms use saslStart.

https://github.com/mongodb/specifications/blob/master/source/auth/auth.md#mongodb-x509
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.collections import BY_CERTIFICATE
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.authentication import log_in_by_certificate


@command(
    "authenticate",
    {"mechanism": a.string(required=True), "user": a.string(), "db": a.string()},
    in_api_v1=True,
    privileges=UNAUTHENTICATED,
    secrets=("pwd", "key"),  # the secrets that clients send with older mechanisms
)
def authenticate(request: Request, args: dict[str, Any]) -> Reply:
    """Authenticate the client as the user that its certificate identifies.

    Raises:
        CommandError: 334 MechanismUnavailable, 18 AuthenticationFailed.
    """
    if args["mechanism"] != BY_CERTIFICATE:
        raise CommandError(334, f"Received authentication for mechanism {args['mechanism']} which is unknown or not enabled")
    return log_in_by_certificate(request, request.db, args["user"])
