"""The assertions of the format about sessions, collections, indexes and connections."""

from __future__ import annotations

from typing import Any

from secantus_conformance.failures import AssertionFailed
from secantus_conformance.unified import driver_private
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.ops.registry import operation


def _require(holds: bool, message: str, expected: object = "", actual: object = "") -> None:
    if not holds:
        raise AssertionFailed("assertion", message, str(expected), str(actual))


@operation("testRunner", "assertSessionTransactionState", "session state")
def assert_transaction_state(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert the state of a session's transaction."""
    state = driver_private.transaction_state(test.entities.session(arguments["session"]))
    _require(state == arguments["state"], "The transaction is in a different state.", arguments["state"], state)


@operation("testRunner", "assertSessionPinned", "session")
def assert_pinned(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that a session is pinned to a mongos."""
    _require(driver_private.pinned_address(test.entities.session(arguments["session"])) is not None, "The session is not pinned.")


@operation("testRunner", "assertSessionUnpinned", "session")
def assert_unpinned(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that a session is not pinned to a mongos."""
    address = driver_private.pinned_address(test.entities.session(arguments["session"]))
    _require(address is None, "The session is pinned.", "no server", address)


@operation("testRunner", "assertSessionDirty", "session")
def assert_dirty(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that a network error has marked the server session as unusable."""
    _require(driver_private.is_dirty(test.entities.session(arguments["session"])), "The session is not dirty.")


@operation("testRunner", "assertSessionNotDirty", "session")
def assert_not_dirty(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that no network error has marked the server session as unusable."""
    _require(not driver_private.is_dirty(test.entities.session(arguments["session"])), "The session is dirty.")


def _last_two_lsids(test: TestContext, client: str) -> tuple[Any, Any]:
    commands = [event.document for event in test.listener(client).events("command") if event.name == "commandStartedEvent"]
    _require(len(commands) >= 2, "Fewer than two commands were observed.", 2, len(commands))
    last = [command.get("lsid") for command in commands[-2:]]
    _require(None not in last, "Both commands must have an lsid.", "two lsids", last)
    return last[0], last[1]


@operation("testRunner", "assertSameLsidOnLastTwoCommands", "client")
def assert_same_lsid(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that the last two commands of a client used the same session."""
    first, second = _last_two_lsids(test, arguments["client"])
    _require(first == second, "The last two commands used different sessions.", first, second)


@operation("testRunner", "assertDifferentLsidOnLastTwoCommands", "client")
def assert_different_lsid(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that the last two commands of a client used different sessions."""
    first, second = _last_two_lsids(test, arguments["client"])
    _require(first != second, "The last two commands used the same session.", "two sessions", first)


def _collections(test: TestContext, arguments: dict[str, Any]) -> list[str]:
    return test.internal[arguments["databaseName"]].list_collection_names()


@operation("testRunner", "assertCollectionExists", "databaseName collectionName")
def assert_collection_exists(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that a collection exists."""
    names = _collections(test, arguments)
    _require(arguments["collectionName"] in names, "The collection does not exist.", arguments["collectionName"], names)


@operation("testRunner", "assertCollectionNotExists", "databaseName collectionName")
def assert_collection_not_exists(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that a collection does not exist."""
    names = _collections(test, arguments)
    _require(arguments["collectionName"] not in names, "The collection exists.", f"no {arguments['collectionName']}", names)


def _indexes(test: TestContext, arguments: dict[str, Any]) -> list[str]:
    if arguments["collectionName"] not in _collections(test, arguments):
        return []
    return [index["name"] for index in test.internal[arguments["databaseName"]][arguments["collectionName"]].list_indexes()]


@operation("testRunner", "assertIndexExists", "databaseName collectionName indexName")
def assert_index_exists(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that an index exists."""
    names = _indexes(test, arguments)
    _require(arguments["indexName"] in names, "The index does not exist.", arguments["indexName"], names)


@operation("testRunner", "assertIndexNotExists", "databaseName collectionName indexName")
def assert_index_not_exists(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that an index does not exist. It is sufficient that its collection does not exist."""
    names = _indexes(test, arguments)
    _require(arguments["indexName"] not in names, "The index exists.", f"no {arguments['indexName']}", names)


@operation("testRunner", "assertNumberConnectionsCheckedOut", "client connections")
def assert_connections(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert the number of connections that a client has checked out of its pool."""
    actual = test.listener(arguments["client"]).checked_out
    _require(actual == arguments["connections"], "The number of checked-out connections differs.", arguments["connections"], actual)
