"""The commands that start, refresh, end and kill logical sessions.

https://www.mongodb.com/docs/manual/reference/server-sessions/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.binary import Binary

from secantus_server.auth.privileges import Grants
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import AUTHENTICATED, Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.sessions.ids import NOBODY, UUID_BYTES, user_digest
from secantus_server.sessions.registry import TIMEOUT_MINUTES

MAX_SESSIONS = 10_000
_USER = a.Arguments("KillAllSessionsUser", {"user": a.string(required=True), "db": a.string(required=True)}, generic=False)


def _uid(name: str, value: Any) -> Any:
    if type(value) not in (bytes, Binary):
        raise a.wrong_type(name, value, "binData")
    return value


_PATTERN = a.Arguments(
    "KillAllSessionsByPattern",
    {"lsid": a.document(), "uid": a.Field(_uid), "users": a.documents(), "roles": a.documents()},
    generic=False,
)
# The error with which the operations and transactions of a killed session end.
_INTERRUPTED = 11601


@command("startSession", privileges=AUTHENTICATED, lenient=True)
def start_session(request: Request, _args: dict[str, Any]) -> Reply:
    """Start a logical session."""
    identity = request.services.catalog.new_uuid()
    request.services.sessions.use(bytes(identity) + request.client.uid)
    return {"id": {"id": identity}, "timeoutMinutes": TIMEOUT_MINUTES}


@command("refreshSessions", {}, in_api_v1=True, privileges=AUTHENTICATED)
def refresh_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """Update the last use of logical sessions, so that they do not expire."""
    for session in _session_ids(request):
        request.services.sessions.use(session)
    return {}


@command("endSessions", {}, in_api_v1=True, privileges=AUTHENTICATED)
def end_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """End logical sessions."""
    ids = _session_ids(request)
    _kill(request, ids)
    request.services.sessions.end(ids)
    return {}


def _may_kill(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may kill the listed sessions. Sessions of other users require the privilege killAnySession."""
    sessions = call.body[call.name]
    others = type(sessions) is list and any(type(one) is dict and one.get("uid", call.client.uid) != call.client.uid for one in sessions)
    return not others or "killAnySession" in grants.on_cluster()


def _may_impersonate(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may use the patterns in the command. A pattern with users or roles requires the privilege impersonate."""
    patterns = call.body[call.name]
    chooses = type(patterns) is list and any(type(one) is dict and (one.get("users") or one.get("roles")) for one in patterns)
    return not chooses or "impersonate" in grants.on_cluster()


@command("killSessions", lenient=True, privileges=on_cluster(by_arguments=("killAnySession",), check=_may_kill))
def kill_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """Kill the operations, transactions and cursors of logical sessions."""
    ids = _session_ids(request, nulls=True)
    _kill(request, ids)
    _interrupt(request, lambda session: session in ids)
    _abort(request, lambda session: session in ids)
    return {}


@command("killAllSessions", lenient=True, privileges=on_cluster("killAnySession"))
def kill_all_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """Kill the operations, transactions and cursors of all sessions, or of the sessions of the given users."""
    users = [_USER.parse(user) for user in _listed(request, nulls=True)]
    digests = {user_digest(user["user"], user["db"]) for user in users}
    _kill_matching(request, lambda session: not users or _user_of(session) in digests)
    return {}


@command(
    "killAllSessionsByPattern",
    {},
    in_api_v1=True,
    privileges=on_cluster("killAnySession", by_arguments=("impersonate",), check=_may_impersonate),
)
def kill_all_sessions_by_pattern(request: Request, _args: dict[str, Any]) -> Reply:
    """Kill the operations, transactions and cursors of the sessions that match a pattern. Without patterns, kill those of all sessions."""
    patterns = a.documents(required=True).check(f"{request.name}.{request.name}", request.body[request.name])
    matchers = [_matcher(pattern) for pattern in patterns]
    _kill_matching(request, lambda session: not matchers or any(matches(session) for matches in matchers))
    return {}


@command("refreshLogicalSessionCacheNow", {}, admin_only=True, privileges=AUTHENTICATED)
def refresh_logical_session_cache_now(_request: Request, _args: dict[str, Any]) -> Reply:
    """Do nothing, because config.system.sessions is always up to date."""
    return {}


@command("reapLogicalSessionCacheNow", {}, admin_only=True, privileges=AUTHENTICATED)
def reap_logical_session_cache_now(request: Request, _args: dict[str, Any]) -> Reply:
    """Remove the expired sessions from the registry."""
    request.services.end_expired_sessions()
    return {}


def _user_of(session: bytes) -> bytes:
    """Return the digest of a session's user, which is a part of the session's key."""
    return session[UUID_BYTES:] or NOBODY


def _matcher(pattern: dict[str, Any]) -> Callable[[bytes], bool]:
    """Return a predicate that returns True for sessions that match a pattern. Without access control, no session has a user.

    Raises:
        CommandError: 14, 40414, 40415 for a malformed pattern.
    """
    parsed = _PATTERN.parse(pattern)
    if parsed["users"]:
        digests = {user_digest(user["user"], user["db"]) for user in map(_USER.parse, parsed["users"])}
        return lambda session: _user_of(session) in digests
    if parsed["roles"]:
        return lambda _session: False
    uid, lsid = parsed["uid"], parsed["lsid"]
    wanted = None if lsid is None else lsid.get("id")
    if lsid is not None and (type(wanted) is not Binary or wanted.subtype != 4):
        raise a.wrong_type("KillAllSessionsByPattern.lsid.id", wanted, "UUID")

    def matches(session: bytes) -> bool:
        if uid is not None and _user_of(session) != bytes(uid):
            return False
        return wanted is None or session[:UUID_BYTES] == bytes(wanted)

    return matches


def _kill_matching(request: Request, matches: Callable[[bytes], bool]) -> None:
    """Kill the operations, transactions and cursors of the sessions for which `matches` returns True."""
    request.services.cursors.kill_where(lambda cursor: cursor.session is not None and matches(cursor.session))
    _interrupt(request, matches)
    _abort(request, matches)


def _listed(request: Request, *, nulls: bool) -> list[dict[str, Any]]:
    """Return the documents in the command's argument, which must be an array. If `nulls` is true, ignore nulls in the array.

    Raises:
        CommandError: 40414 or 14.
    """
    value = request.body[request.name]
    if nulls and value is None:
        raise CommandError(40414, f"BSON field '{request.name}.{request.name}' is missing but a required field")
    if nulls and type(value) is list:
        value = [item for item in value if item is not None]
    found: list[dict[str, Any]] = a.documents(required=True).check(f"{request.name}.{request.name}", value)
    return found


def _session_ids(request: Request, *, nulls: bool = False) -> frozenset[bytes]:
    """Return the ids of the sessions listed in the command.

    Raises:
        CommandError: 14, 40414, 40415, or 2 for more than 10,000 sessions.
    """
    sessions = _listed(request, nulls=nulls)
    if len(sessions) > MAX_SESSIONS:
        raise CommandError(2, f"Too many sessions: {len(sessions)}; the limit is {MAX_SESSIONS}")
    for session in sessions:
        for field in session:
            if nulls and field not in ("id", "uid"):
                raise CommandError(40415, f"BSON field '{request.name}.{request.name}.{field}' is an unknown field.")
        identity = session.get("id")
        if identity is None:
            raise CommandError(40414, f"BSON field '{request.name}.{request.name}.id' is missing but a required field")
        if type(identity) is not Binary or identity.subtype != 4:
            raise a.wrong_type(f"{request.name}.{request.name}.id", identity, "UUID")
        if nulls and len(identity) != UUID_BYTES:
            raise CommandError(207, f"A UUID has {UUID_BYTES} bytes, not {len(identity)}")
    own = request.client.uid
    if not own or request.name != "killSessions":
        return frozenset(bytes(session["id"]) + own for session in sessions)
    # An entry with a `uid` may name another user's session. The privilege check has already allowed that.
    return frozenset(bytes(session["id"]) + (session["uid"] if isinstance(session.get("uid"), bytes) else own) for session in sessions)


def _kill(request: Request, ids: frozenset[bytes]) -> None:
    request.services.cursors.kill_where(lambda cursor: cursor.session in ids)


def _interrupt(request: Request, is_killed: Callable[[bytes], bool]) -> None:
    """Kill the operations of the sessions for which `is_killed` returns True, except the current operation."""
    operations = request.services.operations
    for operation in operations.all():
        session = operation.session
        if operation is not request.operation and session is not None and is_killed(session):
            operations.kill(operation.opid)


def _abort(request: Request, is_killed: Callable[[bytes], bool]) -> None:
    """Abort the open transactions of the sessions for which `is_killed` returns True."""
    error = CommandError(_INTERRUPTED, "operation was interrupted")
    request.services.sessions.transactions.abort_where(lambda one: is_killed(one.session), error)
