"""The client's side of SCRAM, without a driver, so that a test can send any message incorrectly."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import itertools
from typing import Any

from bson.binary import Binary

from tests.net.raw_client import RawClient

_nonces = itertools.count()


@functools.lru_cache(maxsize=64)
def salted_password(user: str, password: str, salt: bytes, iterations: int, algorithm: str = "sha1") -> bytes:
    digest = hashlib.md5(f"{user}:mongo:{password}".encode()).hexdigest()
    return hashlib.pbkdf2_hmac(algorithm, (digest if algorithm == "sha1" else password).encode(), salt, iterations)


class ScramClient:
    """One conversation.

    Arguments:
        password: an ASCII text, which SASLprep leaves unchanged.
        nonce: the client's nonce; a new one by default.
        mechanism: the name of the mechanism.
    """

    def __init__(self, user: str, password: str, nonce: str | None = None, mechanism: str = "SCRAM-SHA-1") -> None:
        self.user, self.password, self.mechanism = user, password, mechanism
        self.algorithm = "sha1" if mechanism == "SCRAM-SHA-1" else "sha256"
        self.nonce = f"nonce{next(_nonces)}" if nonce is None else nonce
        self.bare = f"n={user},r={self.nonce}"

    def start(self, db: str = "admin", **options: Any) -> dict[str, Any]:
        """Return the command with the first message."""
        payload = Binary(f"n,,{self.bare}".encode(), 0)
        return {"saslStart": 1, "mechanism": self.mechanism, "payload": payload, "options": options, "$db": db}

    def final(self, server_first: bytes) -> str:
        """Return the final message."""
        fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
        salted = salted_password(self.user, self.password, base64.b64decode(fields["s"]), int(fields["i"]), self.algorithm)
        key = hmac.digest(salted, b"Client Key", self.algorithm)
        unproved = f"c=biws,r={fields['r']}"
        signed = f"{self.bare},{server_first.decode()},{unproved}".encode()
        signature = hmac.digest(hashlib.new(self.algorithm, key).digest(), signed, self.algorithm)
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"{unproved},p={base64.b64encode(proof).decode()}"


def go_on(payload: str | bytes, conversation_id: Any = 1, db: str = "admin") -> dict[str, Any]:
    """Return the command with a further message."""
    data = payload.encode() if type(payload) is str else payload
    return {"saslContinue": 1, "conversationId": conversation_id, "payload": Binary(data, 0), "$db": db}


def log_in_raw(client: RawClient, user: str, password: str, db: str = "admin") -> None:
    """Authenticate a connection."""
    scram = ScramClient(user, password)
    first = client.run(scram.start(db, skipEmptyExchange=True))
    assert client.run(go_on(scram.final(first["payload"]), db=db))["done"]
