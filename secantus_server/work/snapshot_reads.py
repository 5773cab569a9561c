"""Reads with the level "snapshot": the state that one shows, for all its batches.

https://www.mongodb.com/docs/manual/reference/read-concern-snapshot/

Such a read shows what its first transaction sees. Nothing is kept of the past, so a read of an earlier state is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from bson.timestamp import Timestamp

from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.storage import RecoveryUnit


def snapshot_time(request: Request, unit: RecoveryUnit) -> Timestamp | None:
    """The time of the state that the command reads, or None if it does not read with the level "snapshot".

    Arguments:
        unit: the unit that is read in; its transaction has begun.

    Raises:
        CommandError: 72 for a time that is none or has not come, 238 for one that is over.
    """
    concern = request.body.get("readConcern")
    if not concern or concern.get("level") != "snapshot":
        return None
    if request.body.get("tailable"):
        raise not_supported("readConcern snapshot with a tailable cursor", "leave one of them out")
    now, wanted = request.services.oplog.timestamp_in(unit), concern.get("atClusterTime")
    if wanted is None:
        return now
    if wanted.time == 0:
        raise CommandError(72, "readConcern.atClusterTime cannot be a null timestamp")
    if wanted > now:
        raise CommandError(72, "readConcern.atClusterTime value must not be greater than the current clusterTime")
    if wanted < now:
        raise not_supported("readConcern.atClusterTime before the last write", "read what belongs together before writing")
    return now


def materialized(documents: Iterator[bytes], at: Timestamp | None) -> Iterator[bytes]:
    """Read all documents of a snapshot read now, so that later batches see the same state.

    Arguments:
        at: the time of the snapshot, or None: then the documents are returned unread.
    """
    return documents if at is None else iter(list(documents))
