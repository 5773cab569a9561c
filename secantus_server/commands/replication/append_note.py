"""appendOplogNote: a note in the oplog that changes nothing.

https://www.mongodb.com/docs/manual/reference/command/appendOplogNote/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Entry


@command(
    "appendOplogNote",
    {"data": a.document(required=True), "maxClusterTime": a.anything()},
    admin_only=True,
    is_write=True,
    privileges=on_cluster("appendOplogNote"),
)
def append_oplog_note(request: Request, args: dict[str, Any]) -> Reply:
    """Write a note to the oplog."""
    if not request.services.settings.replica_set:
        raise CommandError(76, 'Must have replication set up to run "appendOplogNote"')

    def body(transaction: Transaction) -> None:
        transaction.log(Entry("", None, encode(args["data"]), op="n"))

    request.work.write(body, request.operation.check)
    return {}
