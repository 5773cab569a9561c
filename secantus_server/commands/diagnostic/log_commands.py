"""getLog, logRotate and getCmdLineOpts.

https://www.mongodb.com/docs/manual/reference/command/getLog/
"""

from __future__ import annotations

import sys
from typing import Any

from secantus_server.bson.values import is_number, type_name
from secantus_server.diagnostics.log_lines import as_json
from secantus_server.dispatch.argument_values import wrong_type
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.records import fields

COMPONENTS = ("global", "startupWarnings")


@command("getLog", {}, admin_only=True, privileges=on_cluster("getLog"))
def get_log(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the last lines of the log."""
    component = request.body[request.name]
    if component is None:
        raise CommandError(40414, "BSON field 'getLog.getLog' is missing but a required field")
    if type(component) is not str:
        raise CommandError(14, f"Argument to getLog must be of type String; found {component} of type {type_name(component)}")
    if component == "*":
        return {"names": list(COMPONENTS)}
    if component not in COMPONENTS:
        raise CommandError(96, f"No log named '{component}'")
    log = request.services.log
    if component == "startupWarnings":
        return {"totalLinesWritten": 0, "log": []}
    # getLog returns JSON lines as MongoDB does, even if the log itself is text.
    return {"totalLinesWritten": log.total, "log": [as_json(line) for line in list(log.kept)]}


@command("logRotate", {}, admin_only=True, privileges=on_cluster("logRotate"))
def log_rotate(request: Request, _args: dict[str, Any]) -> Reply:
    """Start a new log file. Do nothing if the server does not log to a file."""
    target = request.body[request.name]
    if type(target) is not str and type(target) is not bool and not is_number(target):
        raise wrong_type("logRotate.logRotate", target, "[bool, long, int, decimal, double, string]")
    if type(target) is str and target != "server":
        raise CommandError(4, f"Unknown log type for rotate: {target}")
    try:
        request.services.log.rotate()
    except OSError as error:
        raise CommandError(37, f"Log rotation failed: {error.strerror}") from error
    return {}


@command("getCmdLineOpts", {}, admin_only=True, privileges=on_cluster("getCmdLineOpts"))
def get_cmd_line_opts(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the command line and the settings with which the server was started."""
    settings = request.services.settings
    return {"argv": list(sys.argv) or [""], "parsed": {one.name: getattr(settings, one.name) for one in fields(settings)}}
