"""saslStart and saslContinue: authentication by SCRAM.

Authentication grants nothing: as on a MongoDB server that was started without access control, users can authenticate, but access control
is not enforced.

https://datatracker.ietf.org/doc/html/rfc5802#section-5 and
https://github.com/mongodb/specifications/blob/master/source/auth/auth.md
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from bson.binary import Binary

from secantus_server.auth.scram import MECHANISMS
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.authorization import USERS, read_documents

CONVERSATION_ID = 1
_NONCE_BYTES = 24
# The mechanisms that MongoDB has and this server does not.
_OTHERS = ("MONGODB-X509", "MONGODB-AWS", "MONGODB-OIDC", "GSSAPI", "PLAIN")


@dataclass
class Conversation:
    """The state of a SCRAM conversation between two messages of the client.

    Arguments:
        user, db: the user to authenticate.
        algorithm: the hash function.
        credentials: the stored salt, keys and iteration count.
        nonce: the client's nonce followed by the server's.
        signed: SCRAM's AuthMessage, so far without the client's final message.
        skips_empty_exchange: the client does not send the empty message at the end.
        verified: the client's proof was right.
    """

    user: str
    db: str
    algorithm: str
    credentials: dict[str, Any]
    nonce: str
    signed: str
    skips_empty_exchange: bool
    verified: bool = False


def _failed() -> CommandError:
    """Return the error. Like MongoDB's, it does not say what was wrong; the log does."""
    return CommandError(18, "Authentication failed.")


@command(
    "saslStart",
    {
        "mechanism": a.string(required=True),
        "payload": a.anything(required=True),
        "options": a.document({}),
        "autoAuthorize": a.anything(),
        "db": a.string(),
    },
    in_api_v1=True,
    privileges=UNAUTHENTICATED,
)
def sasl_start(request: Request, args: dict[str, Any]) -> Reply:
    """Start a SASL conversation."""
    request.client.conversation = None
    mechanism = args["mechanism"]
    if mechanism in _OTHERS:
        raise not_supported(f"authentication by {mechanism}", "use SCRAM-SHA-256")
    if mechanism not in MECHANISMS:
        raise CommandError(334, f"Received authentication for mechanism {mechanism} which is unknown or not enabled")
    message = _text(args["payload"])
    header, _, bare = message.partition(",,")
    fields = _fields(bare)
    if header not in ("n", "y") or not {"n", "r"} <= fields.keys():
        raise _failed()
    user = fields["n"].replace("=2C", ",").replace("=3D", "=")
    stored = read_documents(request.services, USERS).get(f"{request.db}.{user}", {}).get("credentials", {}).get(mechanism)
    if stored is None:
        text = f"Authentication of {user}@{request.db} failed: no such user has credentials for {mechanism}."
        request.services.log.warning(f"{text} Create it with createUser, or connect without a user name.", component="ACCESS")
        raise _failed()
    random = request.services.clock.random.getrandbits(8 * _NONCE_BYTES).to_bytes(_NONCE_BYTES, "big")
    nonce = fields["r"] + b64encode(random).decode()
    first = f"r={nonce},s={stored['salt']},i={stored['iterationCount']}"
    skips = bool(args["options"].get("skipEmptyExchange"))
    request.client.conversation = Conversation(user, request.db, MECHANISMS[mechanism].algorithm, stored, nonce, f"{bare},{first}", skips)
    return _reply(first, done=False)


@command(
    "saslContinue",
    {"conversationId": a.anything(required=True), "payload": a.anything(required=True)},
    in_api_v1=True,
    privileges=UNAUTHENTICATED,
)
def sasl_continue(request: Request, args: dict[str, Any]) -> Reply:
    """Continue a SASL conversation."""
    conversation = request.client.conversation
    if not isinstance(conversation, Conversation):
        raise CommandError(17, "No SASL session state found")
    if args["conversationId"] != CONVERSATION_ID or conversation.db != request.db:
        raise CommandError(17, "sasl: Mismatched conversation id")
    if conversation.verified:
        return _finish(request, conversation, "")
    request.client.conversation = None
    try:
        signature = _verified_signature(conversation, _text(args["payload"]))
    except CommandError:
        request.services.log.warning(f"Authentication of {conversation.user}@{conversation.db} failed: wrong password.", component="ACCESS")
        raise
    conversation.verified = True
    answer = f"v={b64encode(signature).decode()}"
    if conversation.skips_empty_exchange:
        return _finish(request, conversation, answer)
    request.client.conversation = conversation
    return _reply(answer, done=False)


def _verified_signature(conversation: Conversation, message: str) -> bytes:
    """Check the client's proof and return the server's signature, by which the client authenticates the server.

    Raises:
        CommandError: 18 AuthenticationFailed.
    """
    unproved, _, _ = message.partition(",p=")
    fields = _fields(message)
    if fields.get("r") != conversation.nonce or "p" not in fields:
        raise _failed()
    signed = f"{conversation.signed},{unproved}".encode()
    stored_key = b64decode(conversation.credentials["storedKey"])
    signature = hmac.digest(stored_key, signed, conversation.algorithm)
    try:
        proof = b64decode(fields["p"], validate=True)
    except ValueError:
        raise _failed() from None
    client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=False))
    if not hmac.compare_digest(hashlib.new(conversation.algorithm, client_key).digest(), stored_key):
        raise _failed()
    return hmac.digest(b64decode(conversation.credentials["serverKey"]), signed, conversation.algorithm)


def _finish(request: Request, conversation: Conversation, answer: str) -> Reply:
    request.client.conversation = None
    users = request.client.users
    # A connection has one user at a time.
    users[:] = [(conversation.user, conversation.db)]
    return _reply(answer, done=True)


def _reply(payload: str, *, done: bool) -> Reply:
    return {"conversationId": CONVERSATION_ID, "done": done, "payload": Binary(payload.encode(), 0)}


def _text(payload: Any) -> str:
    """Return the text of a payload: binary data, or base64, which old shells send."""
    try:
        if type(payload) is str:
            return b64decode(payload, validate=True).decode()
        if isinstance(payload, bytes):
            return payload.decode()
    except ValueError:
        raise _failed() from None
    raise a.wrong_type("saslStart.payload", payload, "[binData, string]")


def _fields(message: str) -> dict[str, str]:
    """Return the attributes of a message `a=value,b=value`; values may contain `=`."""
    return {name: value for name, _, value in (part.partition("=") for part in message.split(","))}
