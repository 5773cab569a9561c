"""getClusterParameter and setClusterParameter.

https://www.mongodb.com/docs/manual/reference/command/setClusterParameter/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import is_number, to_decimal, type_name
from secantus_server.dispatch.argument_values import as_strict_boolean, whole_number, wrong_type
from secantus_server.dispatch.cluster_parameters import (
    CHANGE_STREAM_OPTIONS,
    CHANGE_STREAMS,
    CLUSTER_PARAMETERS,
    PAUSE_MIGRATIONS,
    cluster_parameter,
    setting_name,
)
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
    """Set a cluster parameter and store its value durably.

    Raises:
        CommandError: 72 InvalidOptions, 40414, 14 or 4 for a malformed argument, 238, or the error of an invalid value.
    """
    if request.body.get("writeConcern") is not None:
        raise CommandError(72, "setClusterParameter does not take a writeConcern: it always waits for a majority")
    name, value = _assignment(request.body[request.name])
    if name not in _CHECKS:
        raise not_supported(f"setting the cluster parameter {name}", "leave it at its default")
    services = request.services
    checked = {"clusterParameterTime": services.oplog.newest, **_CHECKS[name](value)}
    checked = {**cluster_parameter(services, name), **checked}
    save_parameter(request, name, checked)
    services.parameters = {**services.parameters, setting_name(name): checked}
    return {}


def _assignment(spec: Any) -> tuple[str, dict[str, Any]]:
    """Return the parameter's name and the value to set."""
    if spec is None:
        raise CommandError(40414, "BSON field 'setClusterParameter.setClusterParameter' is missing but a required field")
    if type(spec) is not dict:
        raise CommandError(14, f"setClusterParameter takes a document, not {type_name(spec)}")
    if len(spec) > 1:
        raise CommandError(72, "setClusterParameter takes a document with one parameter")
    [(name, value)] = spec.items() or [("", None)]
    _known(name)
    if type(value) is not dict:
        raise CommandError(2, f"The value of the cluster parameter {name} must be a document, not {type_name(value)}")
    for field in value:
        if field.startswith("$"):
            raise CommandError(52, f"The name of a field of {name} cannot start with '$': {field}")
    return name, value


def _change_stream_options(value: dict[str, Any]) -> dict[str, Any]:
    """Check the value of `changeStreamOptions` and return it."""
    images = value.get("preAndPostImages")
    if list(value) != ["preAndPostImages"] or type(images) is not dict:
        raise CommandError(2, "changeStreamOptions must have the field preAndPostImages, a document, and no other")
    for option in images:
        if option != "expireAfterSeconds":
            raise CommandError(40415, f"BSON field 'changeStreamOptions.preAndPostImages.{option}' is an unknown field.")
    seconds = images.get("expireAfterSeconds", "off")
    if seconds != "off" and not _is_positive_whole(seconds):
        raise CommandError(2, "Expected 'off' or a positive whole number for changeStreamOptions.preAndPostImages.expireAfterSeconds")
    return {"preAndPostImages": {"expireAfterSeconds": seconds if seconds == "off" else Int64(whole_number(seconds))}}


def _is_positive_whole(value: Any) -> bool:
    number = to_decimal(value) if is_number(value) else None
    return number is not None and number.is_finite() and number > 0 and not number % 1


def _change_streams(value: dict[str, Any]) -> dict[str, Any]:
    """Check the value of `changeStreams` and return it. Null means the default."""
    seconds = _only_field("changeStreams", value, "expireAfterSeconds")
    if seconds is None:
        return CLUSTER_PARAMETERS[CHANGE_STREAMS] if value else {}
    if not is_number(seconds):
        raise wrong_type("changeStreams.expireAfterSeconds", seconds, "[long, int, decimal, double]")
    if whole_number(seconds) <= 0:
        raise CommandError(2, f"changeStreams.expireAfterSeconds must be positive, not {seconds}")
    return {"expireAfterSeconds": Int64(whole_number(seconds))}


def _pause_migrations(value: dict[str, Any]) -> dict[str, Any]:
    """Check the value of `pauseMigrationsDuringMultiUpdates` and return it. Null means the default."""
    enabled = _only_field("pauseMigrationsDuringMultiUpdates", value, "enabled")
    if enabled is None:
        return CLUSTER_PARAMETERS[PAUSE_MIGRATIONS] if value else {}
    return {"enabled": as_strict_boolean("pauseMigrationsDuringMultiUpdates.enabled", enabled)}


def _only_field(name: str, value: dict[str, Any], field: str) -> Any:
    for other in value:
        if other != field:
            raise CommandError(40415, f"BSON field '{name}.{other}' is an unknown field.")
    return value.get(field)


_CHECKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    CHANGE_STREAM_OPTIONS: _change_stream_options,
    CHANGE_STREAMS: _change_streams,
    PAUSE_MIGRATIONS: _pause_migrations,
}
