"""The argument `rawData`, with which a command on a time-series collection accesses the collection's buckets instead of its documents.

https://jira.mongodb.org/browse/DRIVERS-3064
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.differences import VIEWLESS_TIMESERIES
from secantus_server.dispatch.privileges import Authorized
from secantus_server.dispatch.registry import Command, Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services

FIELD = "rawData"
ACTION = "performRawDataOperations"
COMMANDS = frozenset(
    "aggregate count createIndexes delete distinct dropIndexes find findAndModify insert listIndexes update".split(),
)


def buckets_of(services: Services, db: str, name: str) -> str | None:
    """Return the name of the buckets collection of a time-series collection, or None for any other collection."""
    collection = services.catalog.find(db, name)
    return collection.options["viewOn"] if collection is not None and collection.is_timeseries else None


def target_buckets(command: Command, request: Request) -> str | None:
    """Rewrite a command with `rawData` so that it runs on the buckets collection, as MongoDB does.

    Return the name of the time-series collection, or None if the command is not on a time-series collection.
    """
    if command.name not in COMMANDS or not request.body[FIELD]:
        return None
    return rename_target(request.services, request.db, request.body, request.name)


def rename_target(services: Services, db: str, body: dict[str, Any], field: str) -> str | None:
    """If a field of a command contains the name of a time-series collection, replace it with the name of the buckets collection.

    Return the old name, or None if the collection is not a time-series collection.
    """
    name = body[field]
    buckets = buckets_of(services, db, name) if type(name) is str else None
    if buckets is None:
        return None
    body[field] = buckets
    return str(name)


def show_series(request: Request, reply: Reply, name: str) -> None:
    """Set the namespace of a reply's cursor to the time-series collection instead of its buckets collection.

    The client then sends the name of the time-series collection in getMore, as since MongoDB 9.0 (SERVER-120476).
    """
    cursor = reply.get("cursor")
    if cursor is None or not request.services.release.has(VIEWLESS_TIMESERIES):
        return
    cursor["ns"] = f"{request.db}.{name}"
    kept = request.services.cursors.peek(cursor["id"]) if cursor["id"] else None
    if kept is not None:
        kept.namespace = cursor["ns"]


def may_use_raw_data(call: Authorized, grants: Grants) -> bool:
    """Return False if a command contains `rawData` although the user may not use it on the command's collection."""
    name = call.body[call.name]
    return not call.body.get(FIELD) or type(name) is not str or ACTION in grants.on(call.db, name)
