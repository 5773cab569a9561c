"""getClusterParameter and setClusterParameter.

https://www.mongodb.com/docs/manual/reference/command/setClusterParameter/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.dispatch.cluster_parameters import CHANGE_STREAM_OPTIONS, CLUSTER_PARAMETERS, cluster_parameter, setting_name
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.cluster_parameter_rows import save_parameter


@command("getClusterParameter", lenient=True, admin_only=True, privileges=on_cluster("getClusterParameter"))
def get_cluster_parameter(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the values of cluster parameters."""
    asked = request.body[request.name]
    if asked == "*" and type(asked) is str:
        names = list(CLUSTER_PARAMETERS)
    elif type(asked) is list:
        if not asked:
            raise CommandError(2, "Must supply at least one cluster server parameter name to getClusterParameter")
        names = [_known(name) for name in asked]
    else:
        names = [_known(asked)]
    return {"clusterParameters": [{"_id": name, **cluster_parameter(request.services, name)} for name in names]}


def _known(name: Any) -> str:
    if type(name) is not str:
        raise CommandError(14, f"BSON field 'getClusterParameter' is the wrong type '{type_name(name)}', expected types '[string, array]'")
    if name not in CLUSTER_PARAMETERS:
        raise CommandError(4, f"Unknown server parameter: {name}")
    return name


@command("setClusterParameter", lenient=True, admin_only=True, is_write=True, privileges=on_cluster("setClusterParameter"))
def set_cluster_parameter(request: Request, _args: dict[str, Any]) -> Reply:
    """Set a cluster parameter, durably."""
    spec = request.body[request.name]
    if type(spec) is not dict or len(spec) != 1:
        raise CommandError(72, "setClusterParameter takes a document with one parameter")
    [(name, value)] = spec.items()
    _known(name)
    if type(value) is not dict:
        raise CommandError(14, f"The value of the cluster parameter {name} must be a document, not {type_name(value)}")
    if name != CHANGE_STREAM_OPTIONS:
        raise not_supported(f"setting the cluster parameter {name}", "leave it at its default")
    services, checked = request.services, _change_stream_options(value)
    save_parameter(request, name, checked)
    services.parameters = {**services.parameters, setting_name(name): checked}
    return {}


def _change_stream_options(value: dict[str, Any]) -> dict[str, Any]:
    """Check `changeStreamOptions`; missing parts get their defaults."""
    for option in value:
        if option != "preAndPostImages":
            raise CommandError(40415, f"BSON field 'changeStreamOptions.{option}' is an unknown field.")
    images = value.get("preAndPostImages", {})
    if type(images) is not dict:
        raise CommandError(14, f"changeStreamOptions.preAndPostImages must be a document, not {type_name(images)}")
    for option in images:
        if option != "expireAfterSeconds":
            raise CommandError(40415, f"BSON field 'changeStreamOptions.preAndPostImages.{option}' is an unknown field.")
    seconds = images.get("expireAfterSeconds", "off")
    if type(seconds) is str and seconds != "off":
        raise CommandError(2, "Expected 'off' or a positive number for changeStreamOptions.preAndPostImages.expireAfterSeconds")
    if type(seconds) is not str:
        if not isinstance(seconds, int | float) or type(seconds) is bool:
            raise CommandError(14, f"expireAfterSeconds must be a string or a number, not {type_name(seconds)}")
        if seconds <= 0 or seconds != int(seconds):
            raise CommandError(2, "Expected a positive whole number for changeStreamOptions.preAndPostImages.expireAfterSeconds")
    return {"preAndPostImages": {"expireAfterSeconds": seconds}}
