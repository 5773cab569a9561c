"""explain. https://www.mongodb.com/docs/manual/reference/command/explain/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson.values import type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, OtherCommand, is_authorized, on_collection
from secantus_server.dispatch.raw_data import FIELD, may_use_raw_data, rename_target
from secantus_server.dispatch.registry import Reply, command, find_command, is_command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.query.explain import VERBOSITIES
from secantus_server.work.explain import explain_command


def _may_run_explained(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may run the explained command. Return True for an unknown command, because explain raises an error for it
    later.
    """
    inner = call.body[call.name]
    if type(inner) is not dict or not inner:
        return True
    name = next(iter(inner))
    if not is_command(name):
        return True
    # An inner command on another database is refused later, so explain's own database is the one to check.
    explained = OtherCommand(name, call.db, inner, call.message, call.client, call.services)
    return is_authorized(find_command(name).privileges, explained, grants) and may_use_raw_data(explained, grants)


@command(
    "explain",
    {"verbosity": a.string("allPlansExecution")},
    in_api_v1=True,
    is_read=True,
    privileges=on_collection(by_arguments=("find", "insert", "update", "remove"), check=_may_run_explained),
    secrets=("pwd", "payload"),
)
def explain(request: Request, args: dict[str, Any]) -> Reply:
    """Return the plan of a command and, depending on the verbosity, its execution statistics."""
    inner = request.body[request.name]
    if inner is None:
        raise CommandError(40414, "BSON field 'explain.explain' is missing but a required field")
    if type(inner) is not dict:
        raise CommandError(14, f"BSON field 'explain.explain' is the wrong type '{type_name(inner)}', expected type 'object'")
    if args["verbosity"] not in VERBOSITIES:
        raise CommandError(2, f"Enumeration value '{args['verbosity']}' for field 'explain.verbosity' is not a valid value.")
    if not inner:
        raise CommandError(59, "Explain failed due to unknown command: ")
    if inner.get(FIELD):
        rename_target(request.services, request.db, inner, next(iter(inner)))
    return explain_command(request, inner, args["verbosity"])
