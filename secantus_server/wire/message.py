"""A command as it came in, whatever message carried it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from secantus_server.errors import CommandError


@dataclass(slots=True)
class Message:
    """One request.

    Arguments:
        request_id: what the reply's `responseTo` names.
        body: the command document; its first key is the command's name.
        sequences: documents sent beside the body (`documents`, `updates`, `deletes`, `ops`, ...), as valid BSON bytes.
        more_to_come: the client wants no reply.
        exhaust_allowed: the server may send several replies.
        legacy: it was an OP_QUERY and is answered by an OP_REPLY.
        compressor: the id of the compressor it came in, to answer with the same; None if it was not compressed.
        error: what is wrong with the documents in it; then there is nothing to run, and this is the answer.
    """

    request_id: int
    body: dict[str, Any]
    sequences: dict[str, list[bytes]] = field(default_factory=dict)
    more_to_come: bool = False
    exhaust_allowed: bool = False
    legacy: bool = False
    compressor: int | None = None
    error: CommandError | None = None
