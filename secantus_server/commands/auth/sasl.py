"""saslStart and saslContinue: authentication by SCRAM. https://www.mongodb.com/docs/manual/core/security-scram/"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.work.authentication import continue_login, start_login


@command(
    "saslStart",
    {
        "mechanism": a.string(required=True),
        "payload": a.anything(required=True),
        "options": a.document({}),
        "autoAuthorize": a.anything(),
        "db": a.string(),
    },
    in_api_v1=True,
    privileges=UNAUTHENTICATED,
    secrets=("payload",),
)
def sasl_start(request: Request, args: dict[str, Any]) -> Reply:
    """Start a SASL conversation."""
    return start_login(request, request.db, args["mechanism"], args["payload"], args["options"])


@command(
    "saslContinue",
    {"conversationId": a.anything(required=True), "payload": a.anything(required=True)},
    in_api_v1=True,
    privileges=UNAUTHENTICATED,
    secrets=("payload",),
)
def sasl_continue(request: Request, args: dict[str, Any]) -> Reply:
    """Continue a SASL conversation."""
    return continue_login(request, args["conversationId"], args["payload"])
