"""The operations on a database: running commands, and creating, modifying, listing and dropping collections."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from secantus_conformance.failures import BadTest, SkipTest
from secantus_conformance.model import Skip
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.cursors import FirstResultCursor
from secantus_conformance.unified.ops.arguments import keywords
from secantus_conformance.unified.ops.collection_read import NO_TIMEOUT_MODE
from secantus_conformance.unified.ops.registry import impossible, operation

_CREATE = (
    "session viewOn pipeline capped size max collation validator validationLevel validationAction clusteredIndex timeseries "
    "expireAfterSeconds changeStreamPreAndPostImages storageEngine indexOptionDefaults comment encryptedFields"
)
_MODIFY = "session validator validationLevel validationAction viewOn pipeline index changeStreamPreAndPostImages expireAfterSeconds comment"
_CURSOR_COMMAND = "session readPreference batchSize maxTimeMS comment cursorType"

impossible("database", ["listCollectionObjects"], "pymongo has no method that lists collections as objects")


def _command(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the command document with the command name as the first key. Raise BadTest if the document does not contain the name."""
    name, command = arguments.pop("commandName"), arguments.pop("command")
    if name not in command:
        raise BadTest("bad-argument", f"The command has no key {name!r}.")
    return {name: command[name], **command}


@operation("database", "runCommand", "commandName command", "session readPreference")
def run_command(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Run a command and return its reply."""
    return target.command(_command(arguments), **keywords(test, arguments))


def _cursor(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    command, batch_size = _command(arguments), arguments.pop("batchSize", None)
    cursor_type = arguments.pop("cursorType", "nonTailable")
    if cursor_type != "nonTailable" and not command.get("tailable"):
        raise SkipTest(Skip.CLIENT, "pymongo takes the type of a command's cursor from the command")
    cursor = target.cursor_command(command, **keywords(test, arguments, maxTimeMS="max_await_time_ms"))
    return cursor if batch_size is None else cursor.batch_size(batch_size)


@operation("database", "runCursorCommand", "commandName command", _CURSOR_COMMAND, rows=True, cannot=NO_TIMEOUT_MODE)
def run_cursor_command(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Run a command that opens a cursor, and return all documents of the cursor."""
    return _cursor(test, target, arguments).to_list()


@operation("database", "createCommandCursor", "commandName command", _CURSOR_COMMAND, cannot=NO_TIMEOUT_MODE)
def create_command_cursor(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Run a command that opens a cursor, and return the cursor."""
    return FirstResultCursor(_cursor(test, target, arguments))


@operation("database", "createCollection", "collection", _CREATE)
def create_collection(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Create a collection and return it. Prevent pymongo from first sending a listCollections command."""
    name = arguments.pop("collection")
    session = test.entities.session(arguments.pop("session")) if "session" in arguments else None
    return target.create_collection(name, check_exists=False, session=session, **arguments)


@operation("database", "modifyCollection", "collection", _MODIFY)
def modify_collection(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Change a collection's options with the collMod command, because pymongo has no method for it."""
    session = test.entities.session(arguments.pop("session")) if "session" in arguments else None
    return target.command({"collMod": arguments.pop("collection"), **arguments}, session=session)


@operation("database", "dropCollection", "collection", "session comment encryptedFields")
def drop_collection(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Drop a collection."""
    return target.drop_collection(**keywords(test, arguments, collection="name_or_collection"))


@operation(
    "database", "listCollections", "", "filter session comment batchSize nameOnly authorizedCollections", rows=True, cannot=NO_TIMEOUT_MODE
)
def list_collections(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Return all collections."""
    if "batchSize" in arguments:
        arguments["cursor"] = {"batchSize": arguments.pop("batchSize")}
    return target.list_collections(**keywords(test, arguments, verbatim="nameOnly authorizedCollections")).to_list()


@operation("database", "listCollectionNames", "", "filter session comment")
def list_collection_names(test: TestContext, target: Database[Any], arguments: dict[str, Any]) -> Any:
    """Return the names of all collections."""
    return target.list_collection_names(**keywords(test, arguments))
