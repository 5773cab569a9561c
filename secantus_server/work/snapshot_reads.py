"""Reads with read concern "snapshot": all batches show one state.

https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/

Such a read shows the state of its first transaction. No history is kept, so a read at an earlier time is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from bson.timestamp import Timestamp

from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.storage import RecoveryUnit


def snapshot_time(request: Request, unit: RecoveryUnit) -> Timestamp | None:
    """Return the cluster time that the command reads at, or None without read concern "snapshot".

    Arguments:
        unit: the recovery unit that reads; its transaction has begun.

    Raises:
        CommandError: 72 for a null or future `atClusterTime`, 238 for a past one.
    """
    concern = request.body.get("readConcern")
    if request.transaction is not None or not concern or concern.get("level") != "snapshot":
        return None
    if request.body.get("tailable"):
        raise not_supported("readConcern snapshot with a tailable cursor", "use only one of them")
    now, wanted = request.services.oplog.timestamp_in(unit), concern.get("atClusterTime")
    if wanted is None:
        return now
    if wanted.time == 0:
        raise CommandError(72, "readConcern.atClusterTime cannot be a null timestamp")
    if wanted > now:
        raise CommandError(72, "readConcern.atClusterTime value must not be greater than the current clusterTime")
    if wanted < now:
        raise not_supported("readConcern.atClusterTime before the last write", "run all reads of one state before the next write")
    return now


def materialized(documents: Iterator[bytes], at: Timestamp | None) -> Iterator[bytes]:
    """Read all documents of a snapshot read now, so that later batches see the same state.

    Arguments:
        at: the time of the snapshot, or None: then the documents are returned unread.
    """
    return documents if at is None else iter(list(documents))
