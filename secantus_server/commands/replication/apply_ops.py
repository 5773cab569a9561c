"""applyOps: applies entries of an oplog. mongorestore --oplogReplay uses it.

https://www.mongodb.com/docs/manual/reference/command/applyOps/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import is_number
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.apply_operations import apply_operation

# The modes in which MongoDB applies entries to data that may already contain later changes.
_REPEATED_MODES = ("InitialSync", "Recovering")


@command("applyOps", lenient=True, admin_only=True, is_write=True, privileges=on_cluster("applyOps"), secrets=("pwd",))
def apply_ops(request: Request, _args: dict[str, Any]) -> Reply:
    """Apply oplog entries in order until one fails. Entries without an operation do not count in the reply."""
    body = request.body
    operations = body[request.name]
    if type(operations) is not list:
        raise CommandError(14, f"BSON field 'applyOps.applyOps' is the wrong type '{type_name(operations)}', expected type 'array'")
    _check_options(body)
    is_repeated = body.get("oplogApplicationMode") in _REPEATED_MODES
    applied = 0
    for entry in operations:
        request.operation.check()
        try:
            applied += apply_operation(request, entry, is_repeated=is_repeated)
        except CommandError as error:
            error.info.update({"applied": applied + 1, "results": [True] * applied + [False]})
            raise
    return {"applied": applied, "results": [True] * applied}


def _check_options(body: dict[str, Any]) -> None:
    """Raise an error for options of earlier MongoDB releases, and for fields that belong only into oplog entries. Ignore other unknown
    fields.

    Raises:
        CommandError: 14, 2, 31056, 6711600, 6711601.
    """
    mode, upsert = body.get("oplogApplicationMode"), body.get("alwaysUpsert")
    if mode is not None and type(mode) is not str:
        raise a.wrong_type("applyOps.oplogApplicationMode", mode, "string")
    if upsert is not None and type(upsert) is not bool:
        raise a.wrong_type("applyOps.alwaysUpsert", upsert, "bool")
    if upsert:
        raise CommandError(6711601, "applyOps no longer supports 'alwaysUpsert'")
    if "preCondition" in body:
        raise CommandError(6711600, "applyOps no longer supports 'preCondition'")
    if "prepare" in body:
        raise CommandError(2, "applyOps with 'prepare' is only an entry of the oplog")
    if "partialTxn" in body:
        raise CommandError(31056, "applyOps with 'partialTxn' is only an entry of the oplog")
    if "count" in body and not is_number(body["count"]):
        raise a.wrong_type("applyOps.count", body["count"], "long")
