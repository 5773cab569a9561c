"""The start position of a change stream: the current time, a given time, or a resume token.

https://www.mongodb.com/docs/manual/changeStreams/#resume-a-change-stream
"""

from __future__ import annotations

from typing import NamedTuple

from secantus_server.bson.values import stamp_of
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Oplog
from secantus_server.oplog.reader import history_lost
from secantus_server.oplog.resume_tokens import Token, parse_token
from secantus_server.pipeline.stages.change_stream import ChangeStreamOptions
from secantus_server.storage import RecoveryUnit


class Start(NamedTuple):
    """The start position of a change stream.

    Arguments:
        position: the timestamp, as a 64-bit number, after which oplog entries are read.
        token: the resume token, or None. The stream starts after the token's event.
    """

    position: int
    token: Token | None


def start_of(options: ChangeStreamOptions, oplog: Oplog, unit: RecoveryUnit) -> Start:
    """Return the start position that the options of a change stream define.

    Arguments:
        unit: a recovery unit with an open transaction, for reading the oplog.

    Raises:
        CommandError: 260 if `resumeAfter` is the token of an invalidate event, 286 ChangeStreamHistoryLost, 50811 for a malformed token.
    """
    given = options.resume_after or options.start_after
    if given is None and options.start_at is None:
        return Start(oplog.newest_stamp, None)
    token = None if given is None else parse_token(given["_data"])
    if token is not None and token.from_invalidate and options.resume_after is not None:
        raise CommandError(260, "Attempting to resume a change stream using 'resumeAfter' is not allowed from an invalidate notification.")
    stamp = stamp_of(options.start_at) if options.start_at is not None else token.stamp if token is not None else 0
    _check_history(oplog, unit, stamp, is_event=token is not None and token.is_event)
    return Start(max(stamp - 1, 0), token if token is not None and token.is_event else None)


def _check_history(oplog: Oplog, unit: RecoveryUnit, stamp: int, *, is_event: bool) -> None:
    """Raise if oplog entries after a timestamp have been removed.

    Arguments:
        is_event: whether the timestamp belongs to an event, whose own entry must then exist, too.

    Raises:
        CommandError: 286 ChangeStreamHistoryLost.
    """
    if stamp < oplog.history_begins_at(unit) or oplog.is_undone(stamp if is_event else stamp - 1):
        raise history_lost()
