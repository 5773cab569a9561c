"""The server's side of a SCRAM conversation.

https://datatracker.ietf.org/doc/html/rfc5802#section-5 and
https://github.com/mongodb/specifications/blob/master/source/auth/auth.md
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import field
from random import Random
from typing import Any

from secantus_server.auth.scram import MECHANISMS
from secantus_server.errors import CommandError
from secantus_server.records import record

NONCE_BYTES = 24
AUTHENTICATION_FAILED = 18


def authentication_failed() -> CommandError:
    """Return the error for a failed login. As in MongoDB, only the log says why the login failed."""
    return CommandError(AUTHENTICATION_FAILED, "Authentication failed.")


@record(frozen=True)
class ClientFirst:
    """The client's first message.

    Arguments:
        user: the name of the user.
        nonce: the client's nonce.
        header: the GS2 header, which the client's final message repeats.
        bare: the message without its header; a part of the signed text.
    """

    user: str
    nonce: str
    header: str
    bare: str


def parse_client_first(message: str) -> ClientFirst:
    """Parse a client's first message.

    Raises:
        CommandError: 18 AuthenticationFailed.
    """
    header, found, bare = message.partition(",,")
    parts = bare.split(",")
    if not found or header not in ("n", "y") or len(parts) < 2 or parts[0][:2] != "n=" or parts[1][:2] != "r=":
        raise authentication_failed()
    user, nonce = _unescaped(parts[0][2:]), parts[1][2:]
    if not user or not nonce:
        raise authentication_failed()
    return ClientFirst(user, nonce, f"{header},,", bare)


def _unescaped(name: str) -> str:
    """Return a user name with its escapes decoded: `=2C` for a comma and `=3D` for an equals sign.

    Raises:
        CommandError: 18 AuthenticationFailed for any other escape.
    """
    pieces = name.split("=")
    if any(piece[:2] not in ("2C", "3D") for piece in pieces[1:]):
        raise authentication_failed()
    return pieces[0] + "".join({"2C": ",", "3D": "="}[piece[:2]] + piece[2:] for piece in pieces[1:])


@record()
class Conversation:
    """The state of a SCRAM conversation between two messages of the client.

    Arguments:
        user, db: the name and database of the user to authenticate.
        is_known: whether the user has stored credentials. For an unknown user the conversation follows the same steps, but the last step
            fails.
        first: the client's first message.
        mechanism: the name of the mechanism.
        credentials: the stored salt, keys and iteration count; for an unknown user, made-up credentials that match no password.
        nonce: the client's nonce followed by the server's nonce.
        skips_empty_exchange: whether the client omits the empty message at the end.
        verified: whether the client's proof was correct.
    """

    user: str
    db: str
    is_known: bool
    first: ClientFirst
    mechanism: str
    credentials: dict[str, Any] = field(repr=False)
    nonce: str
    skips_empty_exchange: bool
    verified: bool = False

    @property
    def algorithm(self) -> str:
        """Return the name of the mechanism's hash function."""
        return MECHANISMS[self.mechanism].algorithm

    @property
    def server_first(self) -> str:
        """Return the server's first message."""
        return f"r={self.nonce},s={self.credentials['salt']},i={self.credentials['iterationCount']}"

    def server_final(self, message: str) -> str:
        """Check the client's final message, and return the server's final message, which authenticates the server to the client.

        Raises:
            CommandError: 18 AuthenticationFailed.
        """
        unproved, found, given = message.rpartition(",p=")
        binding = b64encode(self.first.header.encode()).decode()
        if not found or unproved.split(",")[:2] != [f"c={binding}", f"r={self.nonce}"]:
            raise authentication_failed()
        signed = f"{self.first.bare},{self.server_first},{unproved}".encode("utf-8", "surrogateescape")
        stored_key = b64decode(self.credentials["storedKey"])
        signature = hmac.digest(stored_key, signed, self.algorithm)
        try:
            proof = b64decode(given, validate=True)
        except ValueError:
            raise authentication_failed() from None
        # A proof of the wrong length is refused below, so it does not matter that it is cut off here.
        size = len(signature)
        same_length = len(proof) == size
        client_key = (int.from_bytes(proof[:size], "big") ^ int.from_bytes(signature, "big")).to_bytes(size, "big")
        is_right = hmac.compare_digest(hashlib.new(self.algorithm, client_key).digest(), stored_key)
        if not (is_right and same_length and self.is_known):
            raise authentication_failed()
        server_signature = hmac.digest(b64decode(self.credentials["serverKey"]), signed, self.algorithm)
        return f"v={b64encode(server_signature).decode()}"


def begin_conversation(
    first: ClientFirst,
    db: str,
    mechanism: str,
    stored: dict[str, Any] | None,
    *,
    secret: bytes,
    iterations: int,
    skips: bool,
    random: Random,
) -> Conversation:
    """Return a new SCRAM conversation.

    Arguments:
        db: the user's database.
        stored: the user's credentials for the mechanism, or None.
        secret: the server's secret. The salt of an unknown user is derived from it, so that repeated logins see the same salt.
        iterations: the iteration count to send for an unknown user.
        skips: whether the client omits the empty message at the end.
        random: the source of the server's nonce.
    """
    kind = MECHANISMS[mechanism]
    made_up = _made_up(f"{mechanism}:{db}.{first.user}", kind.algorithm, kind.salt_bytes, iterations, secret)
    server_nonce = random.getrandbits(8 * NONCE_BYTES).to_bytes(NONCE_BYTES, "big")
    nonce = first.nonce + b64encode(server_nonce).decode()
    return Conversation(first.user, db, stored is not None, first, mechanism, stored or made_up, nonce, skips)


def _made_up(name: str, algorithm: str, salt_bytes: int, iterations: int, secret: bytes) -> dict[str, Any]:
    """Return made-up credentials, which match no password, for an unknown user. The salt depends only on the name and the secret."""
    key = hmac.digest(secret, name.encode("utf-8", "surrogateescape"), "sha512")
    size = hashlib.new(algorithm).digest_size
    return {
        "iterationCount": iterations,
        "salt": b64encode(key[:salt_bytes]).decode(),
        "storedKey": b64encode(key[-size:]).decode(),
        "serverKey": b64encode(bytes(size)).decode(),
    }
