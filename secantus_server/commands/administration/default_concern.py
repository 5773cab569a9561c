"""getDefaultRWConcern and setDefaultRWConcern.

https://www.mongodb.com/docs/manual/reference/command/setDefaultRWConcern/

The defaults have no effect on a single node: every read concern that can be a default reads the same data, and w: 1 and w: "majority" are
equivalent.
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import is_number
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.parameters import DEFAULT_CONCERNS
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported

# The maximum number of members of a replica set.
MAX_MEMBERS = 50
_READ_LEVELS = ("local", "available", "majority")


@command(
    "getDefaultRWConcern", {"inMemory": a.strict_boolean()}, admin_only=True, in_api_v1=True, privileges=on_cluster("getDefaultRWConcern")
)
def get_default_rw_concern(request: Request, args: dict[str, Any]) -> Reply:
    """Return the default read and write concerns."""
    reply: Reply = {
        "defaultReadConcern": {"level": "local"},
        "defaultWriteConcern": {"w": "majority", "wtimeout": 0},
        "defaultWriteConcernSource": "implicit",
        "defaultReadConcernSource": "implicit",
        **request.services.parameters.get(DEFAULT_CONCERNS, {}),
        "localUpdateWallClockTime": request.now,
    }
    if args["inMemory"]:
        reply["inMemory"] = True
    return reply


@command(
    "setDefaultRWConcern",
    {"defaultReadConcern": a.document(), "defaultWriteConcern": a.document()},
    admin_only=True,
    is_write=True,
    in_api_v1=True,
    privileges=on_cluster("setDefaultRWConcern"),
)
def set_default_rw_concern(request: Request, args: dict[str, Any]) -> Reply:
    """Change the default read and write concerns."""
    read, write = args["defaultReadConcern"], args["defaultWriteConcern"]
    if read is None and write is None:
        raise CommandError(2, 'At least one of the "defaultReadConcern" or "defaultWriteConcern" fields must be present')
    services = request.services
    concerns = dict(services.parameters.get(DEFAULT_CONCERNS, {}))
    if read is not None and not read:
        concerns = {name: value for name, value in concerns.items() if not name.startswith("defaultReadConcern")}
    elif read is not None:
        concerns |= {"defaultReadConcern": _read_concern(read), "defaultReadConcernSource": "global"}
    if write is not None:
        concerns |= {"defaultWriteConcern": _write_concern(write), "defaultWriteConcernSource": "global"}
    concerns |= {"updateOpTime": services.oplog.newest, "updateWallClockTime": request.now}
    services.parameters = {**services.parameters, DEFAULT_CONCERNS: concerns}
    return get_default_rw_concern(request, {"inMemory": False})


def _read_concern(concern: dict[str, Any]) -> dict[str, Any]:
    """Check a default read concern and return it."""
    for name in concern:
        if name != "level":
            raise CommandError(40415, f"BSON field 'setDefaultRWConcern.defaultReadConcern.{name}' is an unknown field.")
    level = concern.get("level", "local")
    if type(level) is not str:
        raise a.wrong_type("setDefaultRWConcern.defaultReadConcern.level", level, "string")
    if level not in _READ_LEVELS:
        raise CommandError(2, f"level: {level!r} is not suitable for the default read concern")
    return {"level": level}


def _write_concern(concern: dict[str, Any]) -> dict[str, Any]:
    """Check a default write concern and return it.

    Raises:
        CommandError: 2, 9, 14 or 40415 if it is invalid, 20 if it is empty, 79 for an unknown mode, 238 if it is not supported.
    """
    if not concern:
        raise CommandError(20, "The global default write concern cannot be unset once it is set.")
    for name in concern:
        if name not in ("w", "j", "wtimeout"):
            raise CommandError(40415, f"BSON field 'setDefaultRWConcern.defaultWriteConcern.{name}' is an unknown field.")
    if "w" not in concern:
        raise CommandError(2, "The default write concern must have a w")
    w, timeout = _mode(concern["w"]), concern.get("wtimeout", 0)
    journal = concern.get("j")
    if journal is not None and type(journal) is not bool and not is_number(journal):
        raise a.wrong_type("setDefaultRWConcern.defaultWriteConcern.j", journal, "[bool, long, int, decimal, double]")
    if w not in (1, "majority") or journal:
        raise not_supported("a default write concern other than w: 1 and w: 'majority'", "give it with each write")
    # As in MongoDB, a wtimeout that is not a number counts as 0.
    return {"w": w, "wtimeout": timeout if is_number(timeout) else 0}


def _mode(w: Any) -> Any:
    """Check `w` and return it. Truncate a number to an integer.

    Raises:
        CommandError: 2 for 0, 9 for a wrong type or number, 79 for an unknown mode.
    """
    if w is None or (type(w) is str and w != "majority"):
        raise CommandError(79, f"No write concern mode named '{w or ''}' found in replica set configuration")
    if type(w) is str:
        return w
    if not is_number(w):
        raise CommandError(9, "w has to be a number, string, or object")
    number = a.whole_number(w)
    if not 0 <= number <= MAX_MEMBERS:
        raise CommandError(9, f"w has to be a non-negative number and not greater than {MAX_MEMBERS}; found: {w}")
    if number == 0:
        raise CommandError(2, "w: 0 is not suitable for the default write concern")
    return w if type(w) is int else number
