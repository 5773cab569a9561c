"""getDiagnosticData: the statistics that monitoring programs, such as the Prometheus exporter for MongoDB, collect with one command.

https://www.mongodb.com/docs/manual/administration/full-time-diagnostic-data-capture/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import Date
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command, find_command
from secantus_server.dispatch.request import Request

_ON_REPLICA_SETS = ("replSetGetStatus",)


@command("getDiagnosticData", {}, admin_only=True, privileges=on_cluster("serverStatus", "replSetGetStatus"))
def get_diagnostic_data(request: Request, _args: dict[str, Any]) -> Reply:
    """Run several diagnostic commands, and return each reply with its start and end times."""
    names = ("serverStatus", *(_ON_REPLICA_SETS if request.services.settings.replica_set else ()))
    data: dict[str, Any] = {"start": _now(request)}
    for name in names:
        inner, begun = request.with_command(name, {name: 1, "$db": "admin"}), _now(request)
        data[name] = {"start": begun, **find_command(name).run(inner, {}), "end": _now(request)}
    return {"data": {**data, "end": _now(request)}}


def _now(request: Request) -> Date:
    return Date(request.services.clock.now_ms())
