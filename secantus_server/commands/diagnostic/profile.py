"""profile: the database profiler. https://www.mongodb.com/docs/manual/reference/command/profile/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson.values import is_number
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.mql.match import parse_match
from secantus_server.records import replace
from secantus_server.reserved_names import PROFILE
from secantus_server.work.profile_collection import make_profile_collection

_NOTE = "When a filter expression is set, slowms and sampleRate are not used for profiling and slow-query log lines."


def _may_profile(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may change the profiler. To read the profiler's level, the privilege to read its records suffices."""
    level = call.body[call.name]
    if is_number(level) and level == -1 and not call.body.keys() & {"slowms", "sampleRate", "filter"}:
        return "enableProfiler" in grants.on(call.db) or "find" in grants.on(call.db, PROFILE)
    return "enableProfiler" in grants.on(call.db)


@command(
    "profile",
    {"slowms": a.number(), "sampleRate": a.real(), "filter": a.anything()},
    privileges=on_database(by_arguments=("enableProfiler", "find"), check=_may_profile),
)
def profile(request: Request, args: dict[str, Any]) -> Reply:
    """Return the profiler's level, and optionally change it."""
    if request.body[request.name] is None:
        raise CommandError(40414, "BSON field 'profile.profile' is missing but a required field")
    level = a.integer()("profile.profile", request.body[request.name])
    rate, given = args["sampleRate"], args["filter"]
    if rate is not None and not 0 <= rate <= 1:
        raise CommandError(2, "'sampleRate' must be between 0.0 and 1.0 inclusive")
    if "filter" in request.body and given != "unset" and type(given) is not dict:
        raise CommandError(2, "Expected an object, or the string 'unset'.")
    observer, db = request.services.observer, request.db
    was = observer.profiling
    known = was.filters.get(db)
    parsed = known
    if given is not None:
        match = None if given == "unset" else parse_match(given, replace(request.parse_context(), scripts=None))
        parsed = None if match is None else (match.serialize(), match)
    if level in (0, 1, 2):
        if level:
            make_profile_collection(request.services, db)
        changed = was.of(db, level=level, filter=parsed)
        slow_ms = was.slow_ms if args["slowms"] is None else args["slowms"]
        observer.set(replace(changed, slow_ms=slow_ms, sample_rate=was.sample_rate if rate is None else rate))
    reply: Reply = {"was": was.levels.get(db, 0), "slowms": was.slow_ms, "sampleRate": was.sample_rate}
    return reply if known is None else {**reply, "filter": known[0], "note": _NOTE}
