"""Logical sessions: started, refreshed and ended by the client; the server keeps nothing of them but their cursors.

https://www.mongodb.com/docs/manual/reference/server-sessions/
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.commands import arguments as a
from secantus_server.commands.registry import Reply, command
from secantus_server.commands.request import Request
from secantus_server.errors import CommandError

TIMEOUT_MINUTES = 30
MAX_SESSIONS = 10_000


@command("startSession", {})
def start_session(request: Request, _args: dict[str, Any]) -> Reply:
    """Start a logical session."""
    return {"id": {"id": request.services.catalog.new_uuid()}, "timeoutMinutes": TIMEOUT_MINUTES}


@command("refreshSessions", {}, in_api_v1=True)
def refresh_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """Keep logical sessions alive."""
    _session_ids(request)
    return {}


@command("endSessions", {}, in_api_v1=True)
def end_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """End logical sessions."""
    _end(request, _session_ids(request))
    return {}


@command("killSessions", {}, in_api_v1=True)
def kill_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """End logical sessions and what runs in them."""
    _end(request, _session_ids(request))
    return {}


@command("killAllSessions", {}, in_api_v1=True, aliases=("killAllSessionsByPattern",))
def kill_all_sessions(request: Request, _args: dict[str, Any]) -> Reply:
    """End all logical sessions, or those of the given users: there are no users."""
    if not a.documents(required=True).check(f"{request.name}.{request.name}", request.body[request.name]):
        request.services.cursors.kill_where(lambda cursor: cursor.session is not None)
    return {}


def _session_ids(request: Request) -> frozenset[bytes]:
    """The sessions that a command names.

    Raises:
        CommandError: 14, 40414, or there are more than 10,000.
    """
    sessions = a.documents(required=True).check(f"{request.name}.{request.name}", request.body[request.name])
    if len(sessions) > MAX_SESSIONS:
        raise CommandError(2, f"Too many sessions: {len(sessions)}; the most is {MAX_SESSIONS}")
    for session in sessions:
        identity = session.get("id")
        if identity is None:
            raise CommandError(40414, f"BSON field '{request.name}.{request.name}.id' is missing but a required field")
        if type(identity) is not Binary or identity.subtype != 4:
            raise a.wrong_type(f"{request.name}.{request.name}.id", identity, "UUID")
    return frozenset(bytes(session["id"]) for session in sessions)


def _end(request: Request, ids: frozenset[bytes]) -> None:
    request.services.cursors.kill_where(lambda cursor: cursor.session in ids)
