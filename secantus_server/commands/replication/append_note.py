"""appendOplogNote: appends an entry to the oplog that changes no data.

https://www.mongodb.com/docs/manual/reference/command/appendOplogNote/
"""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from secantus_server.bson import encode
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Entry

_STALE_CLUSTER_TIME = 209


def _timestamp(name: str, value: Any) -> Timestamp:
    if type(value) is not Timestamp:
        raise a.wrong_type(name, value, "timestamp")
    return value


@command(
    "appendOplogNote",
    {"data": a.document(required=True), "maxClusterTime": a.Field(_timestamp)},
    admin_only=True,
    is_write=True,
    privileges=on_cluster("appendOplogNote"),
)
def append_oplog_note(request: Request, args: dict[str, Any]) -> Reply:
    """Append a note to the oplog. Raise an error if the newest oplog entry has already reached `maxClusterTime`.

    Raises:
        CommandError: 76 on a standalone server, 209 StaleClusterTime.
    """
    if not request.services.settings.replica_set:
        raise CommandError(76, 'Must have replication set up to run "appendOplogNote"')

    limit, newest = args["maxClusterTime"], request.services.oplog.newest
    if limit is not None and limit <= newest:
        raise CommandError(_STALE_CLUSTER_TIME, f"Requested maxClusterTime {limit} is less or equal to the last primary OpTime: {newest}")

    def body(transaction: Transaction) -> None:
        transaction.log(Entry("", None, encode(args["data"]), op="n"))

    request.work.write(body, request.operation.check)
    return {}
