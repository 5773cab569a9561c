"""The registry of commands. Each module that implements a command registers it with its arguments.

A module is imported when one of its commands is looked up for the first time (`commands/all.py`). `known.py` lists the MongoDB commands
that this server does not support yet.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.arguments import Arguments, Field
from secantus_server.dispatch.known import NOT_YET
from secantus_server.dispatch.privileges import AUTHENTICATED, Privileges
from secantus_server.errors import CommandError, not_supported
from secantus_server.modules import RUNNING, import_late, settle
from secantus_server.records import record

if TYPE_CHECKING:
    from secantus_server.dispatch.request import Request
    from secantus_server.dispatch.unit_of_work import ReadTransaction

Reply = dict[str, Any]
Handler = Callable[["Request", dict[str, Any]], Reply]

#: A function that explains a command. Its arguments are the request, the parsed fields, the transaction in which to read, and the
#: `query.explain.Runner` for the plans.
Explainer = Callable[["Request", dict[str, Any], "ReadTransaction", Any], Reply]


class InTransaction(Enum):
    """Whether, and at which position, a command may be used in a multi-document transaction."""

    NO = "not allowed"
    YES = "a statement"
    LATER = "a statement, but not the first one"
    END = "ends the transaction"


@record(frozen=True)
class Command:
    """The definition of one command.

    Arguments:
        name: the name in MongoDB's spelling.
        arguments: the command's declared fields; None if the command parses its body itself.
        run: returns the reply for the request and the parsed fields.
        admin_only: whether the command runs only on the database `admin`.
        in_api_v1: whether the command is in version 1 of the Stable API.
        is_write: whether the command accepts a write concern.
        is_read: whether the command accepts a read concern.
        is_retryable: whether the command accepts a `txnNumber` outside a transaction.
        in_transaction: whether and where the command may be used in a multi-document transaction.
        help: the sentence that listCommands shows.
        counter: the command's counter in serverStatus's `opcounters`.
        secrets: the arguments that must not appear in logs, profiles and errors.
        privileges: the privileges that the user needs.
    """

    name: str
    arguments: Arguments | None
    run: Handler
    privileges: Privileges
    admin_only: bool = False
    in_api_v1: bool = False
    is_write: bool = False
    is_read: bool = False
    is_retryable: bool = False
    in_transaction: InTransaction = InTransaction.NO
    help: str = ""
    counter: str = "command"
    # The array argument whose elements `opcounters` counts individually; empty if the command counts once.
    batch: str = ""
    secrets: tuple[str, ...] = ()


# The commands with their own counter in serverStatus's `opcounters`.
_COUNTERS = {"find": "query", "insert": "insert", "update": "update", "delete": "delete", "getMore": "getmore"}

_BATCHES = {"insert": "documents", "update": "updates", "delete": "deletes"}

_COMMANDS: dict[str, Command] = {}
_EXPLAINERS: dict[str, Explainer] = {}


#: The module that registers each command, imported when the command is first looked up. `commands.all` fills this dict.
MODULES: dict[str, str] = {}


def import_all_commands() -> None:
    """Import the modules of all commands."""
    for module in MODULES.values():
        import_late(module)


def _lookup(name: str) -> Command | None:
    """Return the command with a name, or None if absent."""
    if name not in _COMMANDS and name in MODULES:
        import_late(MODULES[name])
    return _COMMANDS.get(name)


def command(
    name: str,
    fields: dict[str, Field] | None = None,
    *,
    privileges: Privileges,
    aliases: tuple[str, ...] = (),
    admin_only: bool = False,
    in_api_v1: bool = False,
    is_write: bool = False,
    is_read: bool = False,
    is_retryable: bool = False,
    in_transaction: InTransaction = InTransaction.NO,
    lenient: bool = False,
    secrets: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Return a decorator that registers a handler under a command's name and its aliases.

    Arguments:
        fields: the fields in addition to those that every command accepts.
        privileges: the privileges that the user needs.
        lenient: whether unknown fields are ignored, as in some old MongoDB commands.
        secrets: the arguments that must not appear in logs, profiles and errors.
    """

    def register(handler: Handler) -> Handler:
        arguments = None if lenient else Arguments(name, fields)
        summary = (handler.__doc__ or "").strip().split("\n")[0]
        counter = _COUNTERS.get(name, "command")
        entry = Command(
            name, arguments, handler, privileges, admin_only, in_api_v1, is_write, is_read, is_retryable, in_transaction, summary, counter,
            _BATCHES.get(name, ""), secrets,
        )  # fmt: skip
        for key in (name, *aliases):
            assert key not in _COMMANDS, f"the command {key} is registered twice"
            _COMMANDS[key] = entry
        return handler

    return register


def explains(name: str) -> Callable[[Explainer], Explainer]:
    """Return a decorator that registers a command's explainer.

    An explainer is a function that returns the sections of explain's reply. It must not change data.
    """

    def register(explainer: Explainer) -> Explainer:
        assert name not in _EXPLAINERS, f"the command {name} has two explainers"
        _EXPLAINERS[name] = explainer
        return explainer

    return register


def find_explainer(name: str) -> Explainer | None:
    """Return the explainer of a command, or None if the command cannot be explained.

    Arguments:
        name: the command's name, not an alias.
    """
    return _EXPLAINERS.get(name)


def is_command(name: str) -> bool:
    """Return whether a command is registered under this name."""
    return _lookup(name) is not None


def find_command(name: str) -> Command:
    """Return the command with a name.

    Raises:
        CommandError: 238 for a MongoDB command that is not supported yet, 59 for an unknown name.
    """
    entry = _lookup(name)
    if entry is not None:
        return entry
    if name in NOT_YET:
        raise _not_yet(name)
    raise CommandError(59, f"no such command: '{name}'")


def command_to_run(name: str) -> Command:
    """Return the command with a name, or a placeholder if the command is not supported yet.

    The placeholder raises error 238 when it is run. The error is deferred, so that fail points also apply to unsupported commands.

    Raises:
        CommandError: 59 for an unknown name.
    """
    if RUNNING:
        settle()
    entry = _COMMANDS.get(name) or _lookup(name)
    if entry is not None:
        return entry
    if name not in NOT_YET:
        return find_command(name)

    def refuse(_request: Request, _args: dict[str, Any]) -> Reply:
        raise _not_yet(name)

    return Command(name, None, refuse, AUTHENTICATED)


def writes(command: Command, body: dict[str, Any]) -> bool:
    """Return whether a command writes.

    An aggregation writes if its last stage is `$out` or `$merge`. A mapReduce writes unless its output is inline.

    Arguments:
        body: the command document.
    """
    if not command.is_write or not command.is_read:
        return command.is_write
    if command.name == "mapReduce":
        return type(body.get("out")) is not dict or "inline" not in body["out"]
    pipeline = body.get("pipeline")
    last = pipeline[-1] if type(pipeline) is list and pipeline else None
    return type(last) is dict and ("$out" in last or "$merge" in last)


def _not_yet(name: str) -> CommandError:
    return not_supported(f"the command {name}", "point the test at a MongoDB server")


def all_commands() -> dict[str, Command]:
    """Return all commands by name, with an entry for each alias."""
    import_all_commands()
    return dict(sorted(_COMMANDS.items()))
