"""Authentication with SCRAM-SHA-256 on a `WireConnection`, which no driver controls.

https://github.com/mongodb/specifications/blob/master/source/auth/auth.md#scram-sha-256
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

import bson
from bson.binary import Binary

from secantus_conformance.corpus.wire import WireConnection
from secantus_conformance.failures import UsageError

_HASH = "sha256"


def log_in(connection: WireConnection, user: str, password: str, source: str) -> None:
    """Authenticate a connection.

    Arguments:
        password: the password, in ASCII; SASLprep is not applied.
        source: the user's database.

    Raises:
        UsageError: the server rejects the login.
    """
    nonce = base64.b64encode(secrets.token_bytes(18)).decode()
    first = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    start = {
        "saslStart": 1,
        "mechanism": "SCRAM-SHA-256",
        "payload": Binary(f"n,,{first}".encode()),
        "options": {"skipEmptyExchange": True},
    }
    answer = _run(connection, source, start)
    server_first = answer["payload"].decode()
    fields = dict(part.split("=", 1) for part in server_first.split(","))
    unproved = f"c=biws,r={fields['r']}"
    salted = hashlib.pbkdf2_hmac(_HASH, password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", _HASH)
    signature = hmac.digest(hashlib.new(_HASH, key).digest(), f"{first},{server_first},{unproved}".encode(), _HASH)
    proof = base64.b64encode(bytes(one ^ other for one, other in zip(key, signature, strict=True))).decode()
    final = {"saslContinue": 1, "conversationId": answer["conversationId"], "payload": Binary(f"{unproved},p={proof}".encode())}
    _run(connection, source, final)


def _run(connection: WireConnection, db: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = connection.command(bson.encode({**body, "$db": db}))
    if not reply.get("ok"):
        raise UsageError(f"The server refuses to log in: {reply.get('errmsg')}")
    return reply
