"""applyOps: applies entries of an oplog, as mongorestore --oplogReplay does.

https://www.mongodb.com/docs/manual/reference/command/applyOps/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.apply_operations import apply_operation


@command(
    "applyOps",
    {
        "allowAtomic": a.boolean(True),
        "alwaysUpsert": a.boolean(True),
        # mongorestore sends this argument. It has no effect: validators never apply to these entries.
        "bypassDocumentValidation": a.boolean(),
        "oplogApplicationMode": a.string(),
        "preCondition": a.anything(),
    },
    admin_only=True,
    is_write=True,
    privileges=on_cluster("applyOps"),
    secrets=("pwd",),
)
def apply_ops(request: Request, args: dict[str, Any]) -> Reply:
    """Apply oplog entries in order, up to the first that fails."""
    operations = request.body[request.name]
    if type(operations) is not list:
        raise CommandError(14, f"BSON field 'applyOps.applyOps' is the wrong type '{type_name(operations)}', expected type 'array'")
    if args["preCondition"]:
        raise not_supported("applyOps with preCondition", "check the documents before")
    applied = 0
    for entry in operations:
        request.operation.check()
        try:
            apply_operation(request, entry)
        except CommandError as error:
            error.info.update({"applied": applied + 1, "results": [True] * applied + [False]})
            raise
        applied += 1
    return {"applied": applied, "results": [True] * applied}
