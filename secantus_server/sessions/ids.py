"""Conversions of logical session ids to the formats in which the oplog and other collections store them.

https://www.mongodb.com/docs/manual/reference/server-sessions/
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from bson.binary import Binary

from secantus_server.bson import encode

# The user digest of a session without authentication: the SHA-256 of an empty name.
NOBODY = hashlib.sha256(b"").digest()
#: The length of the UUID at the start of a session's bytes.
UUID_BYTES = 16


def session_uuid(session: bytes) -> UUID:
    """Return the UUID of a session."""
    return UUID(bytes=session[:UUID_BYTES])


def user_digest(user: str, db: str) -> bytes:
    """Return the digest of a user, which is part of the ids of the user's sessions."""
    return hashlib.sha256(f"{user}@{db}".encode("utf-8", "surrogateescape")).digest()


def session_document(session: bytes) -> dict[str, Any]:
    """Return a session's id as the document that the oplog and `$listSessions` contain.

    Arguments:
        session: the bytes of the session's UUID, followed by the digest of its user if the session has a user.
    """
    return {"id": Binary(session[:UUID_BYTES], 4), "uid": Binary(session[UUID_BYTES:] or NOBODY, 0)}


def encoded_session(session: bytes) -> bytes:
    """Return the document of `session_document` as BSON bytes."""
    return _BEFORE_ID + session[:UUID_BYTES] + _BEFORE_USER + (session[UUID_BYTES:] or NOBODY) + _END


_ANY = bytes(range(UUID_BYTES))
_BEFORE_ID, _AFTER_ID = encode(session_document(_ANY)).split(_ANY)
_BEFORE_USER, _END = _AFTER_ID.split(NOBODY)
