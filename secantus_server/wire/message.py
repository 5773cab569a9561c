"""A received command, independent of the message type that carried it."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.records import NamedTuple, record


class Unfinished(NamedTuple):
    """The state of a command that the express lane (the fast path) has started but not finished, for the general path.

    Arguments:
        error: the error with which the command has failed, so that it must not run again; or None.
        transaction: the session's transaction that the command has begun, or None.
        lookup: the plan with which the failed command has looked its document up, or None.
        began: when the command began to wait for data, on the monotonic clock; None if it has not waited.
    """

    error: CommandError | None
    transaction: Any
    lookup: Any = None
    began: float | None = None


@record(slots=True)
class Message:
    """A request.

    Arguments:
        request_id: the id for the reply's `responseTo`.
        body: the command document; its first key is the command's name.
        sequences: document sequences outside the body (`documents`, `updates`, `deletes`, `ops`, ...), as valid BSON bytes.
        more_to_come: whether the client expects no reply.
        exhaust_allowed: whether the server may send several replies.
        legacy: whether the request was an OP_QUERY, which is answered by an OP_REPLY.
        compressor: the id of the request's compressor, which the reply uses too; None if the request was not compressed.
        error: the error of an invalid document in the request; the reply returns it and no command runs.
        raw: the bytes of the OP_MSG from which `body` and `sequences` were read; None if they have another source.
        unfinished: the state of the command if the express lane (the fast path) has started it, or None.
    """

    request_id: int
    body: dict[str, Any]
    sequences: dict[str, list[bytes]] = field(default_factory=dict)
    more_to_come: bool = False
    exhaust_allowed: bool = False
    legacy: bool = False
    compressor: int | None = None
    error: CommandError | None = None
    raw: bytes | None = field(default=None, compare=False, repr=False)
    unfinished: Unfinished | None = None
