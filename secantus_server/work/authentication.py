"""SASL conversations for saslStart, saslContinue and the speculative authentication in hello.

https://github.com/mongodb/specifications/blob/master/source/auth/auth.md
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from bson.binary import Binary

from secantus_server.auth import x509
from secantus_server.auth.collections import BY_CERTIFICATE
from secantus_server.auth.conversation import ClientFirst, Conversation, authentication_failed, begin_conversation, parse_client_first
from secantus_server.auth.scram import MECHANISMS
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.parameters import ITERATION_PARAMETERS, parameter_value
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.system.conditions import Event
from secantus_server.work.authorization import find_login, find_user

CONVERSATION_ID = 1
# Larger payloads are refused. SCRAM messages are much smaller, even with long names and nonces.
_MAX_PAYLOAD = 16 * 1024
# Longer user names are truncated in the log.
_MAX_NAME = 200
# MongoDB's mechanisms that this server does not support.
_OTHERS = ("MONGODB-AWS", "MONGODB-OIDC", "GSSAPI", "PLAIN")


def start_login(request: Request, db: str, mechanism: str, payload: Any, options: dict[str, Any], *, is_speculative: bool = False) -> Reply:
    """Start a SASL conversation and return the reply. An earlier conversation of the connection is aborted.

    Arguments:
        db: the user's database.
        payload: the client's first message.
        options: the `options` document of saslStart.
        is_speculative: whether the login is part of hello. The client then does not yet know which mechanisms the user supports.

    Raises:
        CommandError: 334 MechanismUnavailable, 18 AuthenticationFailed.
    """
    request.client.conversation = None
    if mechanism == BY_CERTIFICATE:
        log_in_by_certificate(request, db, _text(payload))
        return _reply("", done=True)
    if mechanism in _OTHERS:
        raise not_supported(f"authentication by {mechanism}", "use SCRAM-SHA-256")
    if mechanism not in MECHANISMS:
        raise CommandError(334, f"Received authentication for mechanism {mechanism} which is unknown or not enabled")
    services = request.services
    first = _first_message(request, payload)
    user, other = find_login(services, db, first.user)
    # Do the same work for an unknown user, so that the time of a login does not show whether the user exists.
    credentials = _credentials_of(other if user is None else user, mechanism)
    stored = None if user is None else credentials
    if is_speculative and user is not None and stored is None:
        raise authentication_failed()
    conversation = begin_conversation(
        first,
        db,
        mechanism,
        stored,
        secret=services.login_secret.get(),
        iterations=parameter_value(services, ITERATION_PARAMETERS[mechanism]),
        skips=bool(options.get("skipEmptyExchange")),
        random=services.clock.random,
    )
    request.client.conversation = conversation
    return _reply(conversation.server_first, done=False)


def log_in_by_certificate(request: Request, db: str, name: str | None) -> Reply:
    """Authenticate the connection as the user of the client's certificate, and return the reply of `authenticate`.

    Arguments:
        db: the database of the login.
        name: the user name that the client sent, or None.

    Raises:
        CommandError: 17 ProtocolError, 18 AuthenticationFailed.
    """
    _wait(request)
    try:
        subject = x509.certified_name(request.client.tls_subject, name, db)
    except CommandError as error:
        _fail(request, error.message)
        raise
    generation = _current_generation(request)
    user = find_user(request.services, db, subject)
    if user is None or not log_in(request, user, generation):
        why = "there is no such user" if user is None else "the user may not connect from this address"
        _fail(request, f"{subject}@{db}: {why}")
        raise authentication_failed()
    return {"dbname": db, "user": subject}


def _first_message(request: Request, payload: Any) -> ClientFirst:
    try:
        return parse_client_first(_text(payload))
    except CommandError:
        _fail(request, "its first message is malformed")
        raise


def _credentials_of(user: dict[str, Any], mechanism: str) -> dict[str, Any] | None:
    """Return a user's credentials for a mechanism, or None if they are missing or malformed. A client may have written a malformed
    document.
    """
    stored = (user.get("credentials") or {}).get(mechanism)
    if type(stored) is not dict or not {"salt", "iterationCount", "storedKey", "serverKey"} <= stored.keys():
        return None
    return stored


def continue_login(request: Request, conversation_id: Any, payload: Any) -> Reply:
    """Continue a SASL conversation and return the reply.

    Raises:
        CommandError: 17 ProtocolError, 18 AuthenticationFailed.
    """
    conversation = request.client.conversation
    if not isinstance(conversation, Conversation):
        raise CommandError(17, "No SASL session state found")
    if conversation_id != CONVERSATION_ID or conversation.db != request.db:
        raise CommandError(17, "sasl: Mismatched conversation id")
    request.client.conversation = None
    if conversation.verified:
        if _text(payload):
            raise authentication_failed()
        return _finish(request, conversation, "")
    _wait(request, f"{conversation.user}@{conversation.db}")
    try:
        answer = conversation.server_final(_text(payload))
    except CommandError:
        _fail(request, "wrong password" if conversation.is_known else "no such user has credentials for the mechanism", conversation)
        raise
    conversation.verified = True
    if conversation.skips_empty_exchange:
        return _finish(request, conversation, answer)
    request.client.conversation = conversation
    return _reply(answer, done=False)


def _finish(request: Request, conversation: Conversation, answer: str) -> Reply:
    """Authenticate the connection after the client has proved that it knows the password, and return the reply.

    Raises:
        CommandError: 18 AuthenticationFailed if the user was dropped during the login or may not connect from the client's address.
    """
    generation = _current_generation(request)
    user = find_user(request.services, conversation.db, conversation.user)
    if user is None or _credentials_of(user, conversation.mechanism) != conversation.credentials:
        _fail(request, "the user was changed meanwhile", conversation)
        raise authentication_failed()
    if not log_in(request, user, generation):
        _fail(request, "the user may not connect from this address", conversation)
        raise authentication_failed()
    return _reply(answer, done=True)


def _current_generation(request: Request) -> int:
    """Return the generation number of the users and roles for `log_in`. Call this function before reading the user's document."""
    access = request.services.access
    return 0 if access is None else access.current_generation()


def log_in(request: Request, user: dict[str, Any], generation: int) -> bool:
    """Authenticate the connection as a user. Return False if the user may not connect from the client's address, else True.

    Arguments:
        user: the user's document.
        generation: the result of `_current_generation` before the document was read.
    """
    access = request.services.access
    if access is not None:
        return access.log_in(request.client, user, generation)
    request.client.users = ((user["user"], user["db"]),)
    return True


def _fail(request: Request, why: str, conversation: Conversation | None = None) -> None:
    """Log and count a failed login. The log line contains the user name but no other client data."""
    who = "a client" if conversation is None else _printable(f"{conversation.user}@{conversation.db}")
    host = request.client.address[0]
    request.services.log.warning(f"Authentication of {who} failed: {why} (from {host}, conn{request.client.connection_id}).")
    request.services.throttle.note_failure(host, "" if conversation is None else f"{conversation.user}@{conversation.db}")


def _printable(name: str) -> str:
    """Return a user name in a form that is safe for log lines: truncated, and with unprintable characters replaced."""
    return "".join(character if character.isprintable() else "?" for character in name[:_MAX_NAME])


def _wait(request: Request, user: str = "") -> None:
    """Delay a login if many logins of the same user or from the same address have failed.

    Raises:
        CommandError: 18 AuthenticationFailed if too many logins are already delayed, and the interruption's error if the operation is
            interrupted.
    """
    delay_s = request.services.throttle.take_turn(request.client.address[0], user)
    if delay_s is None:
        request.services.log.warning(f"Too many failed logins from {request.client.address[0]}: a login was refused.")
        raise authentication_failed()
    if delay_s:
        waiting = Event()
        request.operation.wake = waiting.set
        waiting.wait(delay_s)
        request.operation.wake = None
        request.operation.check()


def _reply(payload: str, *, done: bool) -> Reply:
    return {"conversationId": CONVERSATION_ID, "done": done, "payload": Binary(payload.encode(), 0)}


def _text(payload: Any) -> str:
    """Return the text of a SASL payload. The payload is binary data or, from old shells, a base64 string."""
    if isinstance(payload, bytes | str) and len(payload) > _MAX_PAYLOAD:
        raise authentication_failed()
    try:
        if type(payload) is str:
            return b64decode(payload, validate=True).decode()
        if isinstance(payload, bytes):
            return payload.decode()
    except ValueError:
        raise authentication_failed() from None
    raise a.wrong_type("saslStart.payload", payload, "[binData, string]")
