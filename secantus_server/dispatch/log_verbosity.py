"""The verbosity of log components, which the parameters logLevel and logComponentVerbosity set.

https://www.mongodb.com/docs/manual/reference/parameters/#mongodb-parameter-param.logComponentVerbosity

If the verbosity of the whole log or of the component `command` is above 0, the server logs debug messages and every command. The
verbosities of all other components are stored and reported but have no effect.
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import is_number, type_name
from secantus_server.dispatch import arguments as a
from secantus_server.errors import CommandError

NAME = "logComponentVerbosity"
MAX_VERBOSITY = 5
# A component with this verbosity inherits the verbosity of its parent.
INHERITED = -1

_CHILDREN: dict[str, tuple[str, ...]] = {
    "network": ("asio", "bridge", "connectionPool"),
    "query": ("optimizer", "rejected"),
    "replication": ("election", "heartbeats", "initialSync", "rollback"),
    "sharding": ("migration", "rangeDeleter", "balancer"),
    "storage": ("recovery", "journal", "wt"),
}
_COMPONENTS = (
    "accessControl", "command", "control", "executor", "geo", "index", "network", "query", "replication", "sharding", "storage",
    "tenantMigration", "test", "write", "ftdc", "tracking", "transaction", "assert",
)  # fmt: skip


def default_verbosity() -> dict[str, Any]:
    """Return the default verbosity of each log component."""
    components = {
        name: {"verbosity": INHERITED, **{child: {"verbosity": INHERITED} for child in _CHILDREN.get(name, ())}} for name in _COMPONENTS
    }
    return {"verbosity": 0, **components}


def changed_verbosity(current: dict[str, Any], wanted: Any) -> dict[str, Any]:
    """Return a copy of the component verbosities with changes applied.

    Arguments:
        current: the verbosities of all components.
        wanted: the verbosities to change, in the same format as `current`.

    Raises:
        CommandError: 14 TypeMismatch, 2 BadValue for an unknown component or an invalid verbosity.
    """
    if type(wanted) is not dict:
        raise a.wrong_type(f"setParameter.{NAME}", wanted, "object")
    return _merged(current, wanted, "")


def _merged(current: dict[str, Any], wanted: dict[str, Any], path: str) -> dict[str, Any]:
    merged = dict(current)
    for name, value in wanted.items():
        where = f"{path}.{name}" if path else name
        if name == "verbosity":
            merged[name] = _verbosity(where, value)
        elif name not in current:
            raise CommandError(2, f"Invalid component name {where}")
        elif type(value) is dict:
            merged[name] = _merged(current[name], value, where)
        else:
            # A number in place of a document is the component's verbosity.
            merged[name] = {**current[name], "verbosity": _verbosity(where, value)}
    return merged


def _verbosity(where: str, value: Any) -> int:
    if not is_number(value) or value != value:
        raise CommandError(2, f"The verbosity of {where} must be a number, not {type_name(value)}")
    number = int(a.integer(INHERITED, MAX_VERBOSITY)(f"setParameter.{NAME}.{where}", value))
    return 0 if where == "verbosity" and number == INHERITED else number


def logs_everything(verbosity: dict[str, Any]) -> bool:
    """Return whether the server must log debug messages and every command at these verbosities."""
    return bool(verbosity["verbosity"] > 0 or verbosity["command"]["verbosity"] > 0)
