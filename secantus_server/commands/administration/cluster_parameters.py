"""getClusterParameter and setClusterParameter, for `changeStreamOptions`.

https://www.mongodb.com/docs/manual/reference/command/setClusterParameter/
"""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from secantus_server.bson import type_name
from secantus_server.dispatch.image_expiry import NAME, change_stream_options, check_options
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported

# The cluster parameters of MongoDB that Secantus does not have.
OTHERS = frozenset(
    ["defaultMaxTimeMS", "auditConfig", "fleCompactionOptions", "internalSearchOptions", "pauseMigrationsDuringMultiUpdates"]
)


@command("getClusterParameter", {}, admin_only=True, privileges=on_cluster("getClusterParameter"))
def get_cluster_parameter(request: Request, args: dict[str, Any]) -> Reply:
    """Return the values of cluster parameters."""
    asked = request.body[request.name]
    names = [NAME] if asked == "*" else asked if type(asked) is list else [asked]
    if not names:
        raise CommandError(2, "Must supply at least one cluster server parameter name to getClusterParameter")
    for name in names:
        if type(name) is not str:
            raise CommandError(14, f"getClusterParameter takes names of parameters, not {type_name(name)}")
    for name in names:
        _check_name(name)
    shown = {"_id": NAME, "clusterParameterTime": Timestamp(0, 0), **change_stream_options(request.services)}
    return {"clusterParameters": [shown for _ in names]}


@command("setClusterParameter", {}, admin_only=True, is_write=True, privileges=on_cluster("setClusterParameter"))
def set_cluster_parameter(request: Request, args: dict[str, Any]) -> Reply:
    """Change a cluster parameter."""
    wanted = request.body[request.name]
    if type(wanted) is not dict:
        raise CommandError(14, f"setClusterParameter takes a document, not {type_name(wanted)}")
    if len(wanted) != 1:
        raise CommandError(72, "setClusterParameter takes exactly one parameter")
    ((name, value),) = wanted.items()
    _check_name(name)
    services = request.services
    services.parameters = {**services.parameters, NAME: check_options(value)}
    return {}


def _check_name(name: str) -> None:
    """Raise unless the parameter exists here.

    Raises:
        CommandError: 4 NoSuchKey, 238.
    """
    if name in OTHERS:
        raise not_supported(f"the cluster parameter {name}", "keep its default")
    if name != NAME:
        raise CommandError(4, f"unknown server parameter: {name}")
