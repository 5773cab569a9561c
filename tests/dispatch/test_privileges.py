"""The privileges that commands declare."""

from __future__ import annotations

import pytest

from secantus_server.commands.all import load_commands
from secantus_server.dispatch.privileges import AUTHENTICATED, UNAUTHENTICATED, Privileges, Resource, on_cluster, on_collection, on_database
from secantus_server.dispatch.registry import Command, InTransaction, all_commands

load_commands()

# Commands that need only authentication, or not even that.
WITHOUT_ACTIONS = {
    "authenticate",
    *("buildInfo", "connectionStatus", "hello", "isMaster", "listCommands", "logout", "ping", "saslContinue", "saslStart", "whatsmyuri"),
    *("abortTransaction", "commitTransaction", "endSessions", "refreshSessions", "startSession"),
    *("configureFailPoint", "reapLogicalSessionCacheNow", "refreshLogicalSessionCacheNow", "testVersion2", "waitForFailPoint"),
}


@pytest.mark.parametrize("command", [entry for name, entry in all_commands().items() if name == entry.name], ids=lambda entry: entry.name)
def test_every_command_declares_its_privileges(command: Command) -> None:
    privileges = command.privileges
    assert bool(privileges.actions or privileges.by_arguments) == (command.name not in WITHOUT_ACTIONS)
    assert privileges.requires_auth or not privileges.actions
    assert (privileges.check is None) == (not privileges.by_arguments), "by_arguments names the actions that check looks for"
    if command.is_write and command.in_transaction is not InTransaction.END:
        assert privileges.actions or privileges.by_arguments, f"{command.name} writes: it must require an action."


def test_aliases_share_the_declaration() -> None:
    commands = all_commands()
    assert commands["findandmodify"].privileges is commands["findAndModify"].privileges


@pytest.mark.parametrize(
    ("name", "privileges"),
    [
        ("find", on_collection("find")),
        ("delete", on_collection("remove")),
        ("update", on_collection("update", by_arguments=("insert", "bypassDocumentValidation"))),
        ("dbStats", on_database("dbStats")),
        ("serverStatus", on_cluster("serverStatus")),
        ("listDatabases", on_cluster(by_arguments=("listDatabases",))),
        ("hello", UNAUTHENTICATED),
        ("endSessions", AUTHENTICATED),
    ],
)
def test_declarations_follow_the_manual(name: str, privileges: Privileges) -> None:
    assert all_commands()[name].privileges == privileges


def test_resources() -> None:
    assert [make("x").resource for make in (on_cluster, on_database, on_collection)] == [
        Resource.CLUSTER,
        Resource.DATABASE,
        Resource.COLLECTION,
    ]
