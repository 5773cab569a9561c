"""secantusTest: controls snapshots, the clock, dumps and the command log, for test suites in other languages.

[Other languages](docs/other-languages.md)

MongoDB has no such command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bson.int64 import Int64

from secantus_server.auth.collections import USERS, USERS_DB
from secantus_server.auth.privileges import Grants
from secantus_server.bson import RawDocument
from secantus_server.bson.values import Date
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.harness import Difference, DumpedCollection, Harness, LoggedCommand
from secantus_server.dispatch.privileges import Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError

#: The version of this command's interface. Each reply contains it. It increases with each change that could break an older caller.
VERSION: Final = 1
NAME: Final = "secantusTest"
_BAD_VALUE, _TYPE_MISMATCH, _COMMAND_NOT_FOUND, _NO_SUCH_KEY, _ILLEGAL_OPERATION = 2, 14, 59, 4, 20
#: The latest time, in milliseconds, that ObjectIds and timestamps can represent. They store seconds as 32-bit numbers.
_LAST_MS: Final = (2**32 - 1) * 1000

Action = Callable[[Harness, dict[str, Any]], dict[str, Any]]


def _check_date(name: str, value: Any) -> Any:
    """Check that a value is a date from 1970 to 2106."""
    if type(value) is not Date:
        raise a.wrong_type(name, value, "date")
    if not 0 <= value.ms <= _LAST_MS:
        raise CommandError(_BAD_VALUE, f"BSON field '{name}' must be a date from 1970 to 2106: ObjectIds and timestamps contain no others")
    return value


def snapshot(harness: Harness, _args: dict[str, Any]) -> dict[str, Any]:
    """Take a snapshot."""
    number = harness.snapshot().number
    harness.clear_wire_log()
    return {"snapshot": number}


def restore(harness: Harness, args: dict[str, Any]) -> dict[str, Any]:
    """Restore the contents of a snapshot. The snapshot stays open, so that it can be restored again."""
    harness.restore(_find(harness, args["snapshot"]))
    harness.clear_wire_log()
    return {}


def release(harness: Harness, args: dict[str, Any]) -> dict[str, Any]:
    """Release a snapshot and all later snapshots, without undoing the writes since then."""
    harness.release(_find(harness, args["snapshot"]))
    return {}


def clock(harness: Harness, args: dict[str, Any]) -> dict[str, Any]:
    """Move the server's clock and return its time."""
    set_to, by_ms, runs = args["set"], args["tickMillis"], args["runs"]
    if args["restore"]:
        if set_to is not None or by_ms or runs is not None:
            raise CommandError(_BAD_VALUE, f"{NAME}: 'restore' cannot be combined with 'set', 'tickMillis' and 'runs'")
        harness.restore_clock()
    elif set_to is not None or by_ms is not None or runs is not None:
        by_ms = by_ms or 0
        if (harness.clock()[0] if set_to is None else set_to.ms) + by_ms > _LAST_MS:
            raise CommandError(_BAD_VALUE, f"{NAME}: the time would be after 2106")
        harness.move_clock(None if set_to is None else set_to.ms, by_ms=by_ms, runs=False if runs is None and set_to is not None else runs)
    now_ms, is_running = harness.clock()
    return {"now": Date(now_ms), "runs": is_running}


def dump(harness: Harness, args: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of one database or of all databases, or the changes since a snapshot."""
    wanted = args["database"]
    if args["since"] is not None:
        found = harness.differences(_find(harness, args["since"]))
        return {"changes": [_shown_difference(one) for one in found if wanted in (None, one.db)]}
    return {"collections": [_shown(one) for one in harness.dump() if wanted in (None, one.db)]}


def commands(harness: Harness, args: dict[str, Any]) -> dict[str, Any]:
    """Start or stop the command log. Or return the commands logged since a token, or since the last snapshot or restore."""
    if args["log"]:
        harness.begin_wire_log()
    found = harness.wire_log(args["since"] or 0)
    if found is None and args["log"] is None:
        raise CommandError(_ILLEGAL_OPERATION, f"{NAME}: no commands are logged; begin with {{{NAME}: 'commands', log: true}}")
    if args["log"] is False:
        harness.end_wire_log()
    logged, token, left_out = found or ((), 0, 0)
    shown = [_shown_command(one) for one in logged if one.name != NAME]
    return {"commands": shown, "token": Int64(token), "leftOut": left_out}


_ACTIONS: Final[dict[str, tuple[Action, a.Arguments]]] = {
    "snapshot": (snapshot, a.Arguments(NAME)),
    "restore": (restore, a.Arguments(NAME, {"snapshot": a.number(required=True)})),
    "release": (release, a.Arguments(NAME, {"snapshot": a.number(required=True)})),
    "clock": (
        clock,
        a.Arguments(
            NAME,
            {
                "set": a.Field(_check_date),
                "tickMillis": a.number(minimum=0),
                "runs": a.strict_boolean(None),
                "restore": a.strict_boolean(),
            },
        ),
    ),
    "commands": (commands, a.Arguments(NAME, {"log": a.strict_boolean(None), "since": a.number(minimum=0)})),
    "dump": (dump, a.Arguments(NAME, {"database": a.string(), "since": a.number()})),
}


def _may_test(_call: Authorized, grants: Grants) -> bool:
    """Return whether the user may read and write everything, including users, because snapshots and dumps contain everything."""
    everything = (grants.on(""), grants.on(USERS_DB, USERS))
    return all(action in granted for granted in everything for action in ("find", "insert", "update", "remove"))


@command(NAME, lenient=True, admin_only=True, privileges=on_cluster(by_arguments=("find", "insert", "update", "remove"), check=_may_test))
def secantus_test(request: Request, _args: dict[str, Any]) -> Reply:
    """Run one action for a harness in another language, such as taking a snapshot or moving the clock.

    Raises:
        CommandError: 59 unless test commands are enabled, 2 for an unknown action, 4 for an unknown snapshot, 20 if the command log is not
            running, or the error of an argument.
    """
    if not request.services.settings.enable_test_commands:
        raise CommandError(_COMMAND_NOT_FOUND, f"no such command: '{NAME}'")
    name = request.body[request.name]
    action, arguments = _ACTIONS.get(name, (None, None)) if type(name) is str else (None, None)
    if action is None or arguments is None:
        raise CommandError(_BAD_VALUE, f"{NAME} takes one of the strings {', '.join(_ACTIONS)}")
    args = arguments.parse(request.body, request.name)
    return {"version": VERSION, **action(request.services.harness, args)}


def _find(harness: Harness, number: int) -> Any:
    """Return the open snapshot with the given number.

    Raises:
        CommandError: 4 NoSuchKey.
    """
    for found in harness.snapshots:
        if found.number == number:
            return found
    raise CommandError(_NO_SUCH_KEY, f"{NAME}: there is no snapshot {number}: it was released, or an outer one was restored")


def _shown_command(one: LoggedCommand) -> dict[str, Any]:
    return {
        "name": one.name,
        "ns": one.namespace,
        "text": one.text,
        "shape": one.shape,
        "planSummary": one.plan_summary,
        "keysExamined": one.keys_examined,
        "docsExamined": one.docs_examined,
        "nreturned": one.n_returned,
        "millis": one.duration_ms,
        "error": one.error,
    }


def _shown(one: DumpedCollection) -> dict[str, Any]:
    documents = [RawDocument(document) for document in one.documents]
    return {"db": one.db, "name": one.name, "uuid": one.uuid, "options": one.options, "indexes": one.indexes, "documents": documents}


def _shown_difference(one: Difference) -> dict[str, Any]:
    return {
        "db": one.db,
        "name": one.name,
        "collection": one.fate or "kept",
        "added": [RawDocument(document) for document in one.added],
        "changed": [{"before": RawDocument(old), "after": RawDocument(new)} for old, new in one.changed],
        "removed": [RawDocument(document) for document in one.removed],
    }
