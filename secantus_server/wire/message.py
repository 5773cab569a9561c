"""A received command, independent of the message type that carried it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from secantus_server.errors import CommandError


@dataclass(slots=True)
class Message:
    """A request.

    Arguments:
        request_id: the id for the reply's `responseTo`.
        body: the command document; its first key is the command's name.
        sequences: document sequences outside the body (`documents`, `updates`, `deletes`, `ops`, ...), as valid BSON bytes.
        more_to_come: the client expects no reply.
        exhaust_allowed: the server may send several replies.
        legacy: the request was an OP_QUERY and is answered by an OP_REPLY.
        compressor: the id of the request's compressor, which the reply uses too; None if it was not compressed.
        error: the error of an invalid document in the request; the reply returns it and no command runs.
        raw: the bytes of the OP_MSG that `body` and `sequences` come from; None if they come from elsewhere.
        interruption: the error that interrupted the command before its retry.
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
    interruption: CommandError | None = None
