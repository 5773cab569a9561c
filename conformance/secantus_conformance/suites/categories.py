"""The classification of tests by category (their subject) and group (the aspect that they measure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secantus_conformance.model import Group

# The category of each folder in the two layouts.
_FOLDERS: dict[str, tuple[str, ...]] = {
    "collections-indexes": ("collection_management", "collection-management", "index_management", "index-management"),
    "commands-cursors": ("run_command", "run-command"),
    "gridfs": ("gridfs",),
    "stable-api": ("versioned-api",),
    "read-write-concern": ("read_write_concern", "read-write-concern"),
    "monitoring-logging": (
        "command_logging",
        "command_monitoring",
        "command-logging-and-monitoring",
        "connection_logging",
        "connection-monitoring-and-pooling",
        "server_selection_logging",
        "server-selection",
        "handshake",
        "mongodb-handshake",
    ),
    "discovery": ("discovery_and_monitoring", "server-discovery-and-monitoring"),
    "sessions": ("sessions", "causal_consistency", "causal-consistency"),
    "transactions": ("transactions", "transactions-convenient-api"),
    "change-streams": ("change_streams", "change-streams"),
    "retryable-reads": ("retryable_reads", "retryable-reads"),
    "retryable-writes": ("retryable_writes", "retryable-writes"),
    "backpressure": ("client-backpressure",),
    "timeouts": ("csot", "client-side-operations-timeout"),
    "load-balancers": ("load_balancer", "load-balancers"),
    "auth": ("auth",),
    "encryption": ("client-side-encryption",),
    "tracing": ("open-telemetry",),
    "format": ("unified-test-format",),
    "bson": ("bson_corpus", "bson-corpus"),
}
# Folders with different names in the specifications and in pymongo. With a common name, both copies of a test get the same name.
_RENAMED = {
    ("client-side-operations-timeout",): "csot",
    ("command-logging-and-monitoring", "logging"): "command_logging",
    ("command-logging-and-monitoring", "monitoring"): "command_monitoring",
    ("connection-monitoring-and-pooling", "logging"): "connection_logging",
    ("load-balancers",): "load_balancer",
    ("mongodb-handshake",): "handshake",
    ("server-discovery-and-monitoring",): "discovery_and_monitoring",
    ("server-selection", "logging"): "server_selection_logging",
}
_CATEGORY = {folder: category for category, folders in _FOLDERS.items() for folder in folders}
# The part of CRUD that a file is about, by the prefix of its name; the first match counts.
_CRUD = (
    ("client-bulk-write", r"client-bulkWrite"),
    ("bulk-write", r"bulkWrite"),
    ("aggregate", r"aggregate|db-aggregate"),
    ("count-distinct", r"count|distinct|estimatedDocumentCount"),
    ("find", r"find(?!OneAnd)"),
    ("find-and-modify", r"findOneAnd"),
    ("insert", r"insert|create-null-ids"),
    ("update", r"update|replace"),
    ("delete", r"delete"),
    ("other", r""),
)
CATEGORIES = tuple(f"crud.{name}" for name, _ in _CRUD) + tuple(_FOLDERS)
_SERVER_ERRORS = frozenset(
    {"errorCode", "errorCodeName", "errorContains", "errorResponse", "errorLabelsContain", "writeErrors", "writeConcernErrors"}
)


def common_name(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Convert a path in the layout of the specifications repository to the layout of pymongo's tests."""
    for length in (2, 1):
        if parts[:length] in _RENAMED:
            return (_RENAMED[parts[:length]], *parts[length:])
    with_underscores = parts[0].replace("-", "_")
    return (with_underscores if with_underscores in _CATEGORY else parts[0], *parts[1:])


def category_of(parts: tuple[str, ...]) -> str | None:
    """Return the category of a file, given the parts of its path below the root. Return None for a suite that needs no server."""
    if parts[0] == "crud":
        name = parts[-1]
        return "crud." + next(category for category, pattern in _CRUD if re.match(pattern, name))
    return _CATEGORY.get(parts[0])


def group_of(test: dict[str, Any]) -> Group:
    """Return the group of a test. A test injects faults, checks the server's replies or data, or checks only the driver."""
    operations = list(all_operations(test.get("operations", [])))
    if any(each.get("name") in ("failPoint", "targetedFailPoint") for each in operations):
        return Group.FAULTS
    says = any("expectResult" in each or _SERVER_ERRORS & each.get("expectError", {}).keys() for each in operations)
    replies = any("commandSucceededEvent" in event for each in test.get("expectEvents", []) for event in each.get("events", []))
    return Group.SERVER if "outcome" in test or says or replies or _asserts(operations) else Group.DRIVER


def _asserts(operations: list[dict[str, Any]]) -> bool:
    """Return whether the operations of a test inspect the stored data."""
    return any(re.match(r"assert(Collection|Index)", str(each.get("name"))) for each in operations)


def all_operations(operations: Any) -> Iterator[dict[str, Any]]:
    """Yield all operations of a test, including those in callbacks, loops and threads."""
    for each in operations if isinstance(operations, list) else []:
        if isinstance(each, dict):
            yield each
            arguments = each.get("arguments")
            if isinstance(arguments, dict):
                yield from all_operations(arguments.get("callback"))
                yield from all_operations(arguments.get("operations"))
                yield from all_operations([arguments["operation"]] if "operation" in arguments else [])
