"""The ids of logical sessions, as the oplog and other collections store them.

https://www.mongodb.com/docs/manual/reference/server-sessions/
"""

from __future__ import annotations

import hashlib
from typing import Any

from bson.binary import Binary

from secantus_server.bson import encode

# The user digest of a session without authentication: the SHA-256 of an empty name.
NOBODY = hashlib.sha256(b"").digest()


def session_document(session: bytes) -> dict[str, Any]:
    """Return a session's id as the oplog and `$listSessions` show it.

    Arguments:
        session: the bytes of its UUID.
    """
    return {"id": Binary(session, 4), "uid": Binary(NOBODY, 0)}


def encoded_session(session: bytes) -> bytes:
    """Return the document of `session_document` as BSON bytes."""
    return _BEFORE_ID + session + _AFTER_ID


_ANY = bytes(range(16))
_BEFORE_ID, _AFTER_ID = encode(session_document(_ANY)).split(_ANY)
