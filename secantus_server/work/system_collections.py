"""System collections that are computed on each read instead of being stored. Clients expect them to be readable.

https://www.mongodb.com/docs/manual/reference/system-collections/

For example, `system.views` is computed from the catalog, and `local.system.replset` from the configuration. `local.oplog.rs` reads the
oplog's table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from bson.binary import Binary
from bson.int64 import Int64

from secantus_server.bson import encode, int_value
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.names import is_oplog
from secantus_server.dispatch.parameters import AUTH_SCHEMA_VERSION
from secantus_server.dispatch.services import Services
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.find import plan_of
from secantus_server.query.listed import ListedSource
from secantus_server.query.plan import Plan, Source
from secantus_server.reserved_names import VIEWS
from secantus_server.sessions.ids import session_document
from secantus_server.work.catalog_entries import is_shown_as_view
from secantus_server.work.collection_statistics import document_sizes
from secantus_server.work.oplog_collection import OplogSource

ID_INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}


def source_of(services: Services, db: str, name: str, collection: Collection | None, query: CanonicalQuery) -> Source:
    """Return the source of a query over a stored or computed collection.

    Arguments:
        collection: the collection with this name in the catalog, or None.

    Raises:
        CommandError: the errors of `plan_of`.
    """
    return computed_source(services, db, name, collection, query) or plan_of(collection, query)


def computed_source(services: Services, db: str, name: str, collection: Collection | None, query: CanonicalQuery) -> Plan | None:
    """Return the source of a query over a computed system collection, or None for any other collection.

    The arguments are the same as for `source_of`.
    """
    if is_oplog(db, name) and services.settings.replica_set:
        return OplogSource(query)
    compute = None if collection is not None else system_documents(services, db, name)
    return None if compute is None else ListedSource(compute, query)


def system_documents(services: Services, db: str, name: str) -> Callable[[], list[bytes]] | None:
    """Return a function that computes the documents of a system collection, or None if no computed system collection has this name."""
    if db == "local" and name == "system.replset" and services.settings.replica_set:
        return lambda: [encode(services.topology.config())]
    if db == "config" and name == "transactions" and services.settings.replica_set:
        return lambda: _session_records(services)
    if db == "config" and name == "system.sessions":
        return lambda: _sessions(services)
    if db == "admin" and name == "system.version":
        return lambda: _versions(services)
    return (lambda: _views(services, db)) if name == VIEWS else None


def _versions(services: Services) -> list[bytes]:
    """Return the documents of `admin.system.version`: the feature compatibility version, and the version of the users' documents."""
    version = {"_id": "featureCompatibilityVersion", "version": services.release.name}
    return [encode(version), encode({"_id": "authSchema", "currentVersion": AUTH_SCHEMA_VERSION})]


def _sessions(services: Services) -> list[bytes]:
    """Return the documents of `config.system.sessions`, which describe the current sessions. MongoDB updates them every five minutes."""
    return [encode({"_id": session_document(session), "lastUse": Date(used)}) for session, used in services.sessions.last_uses()]


def _session_records(services: Services) -> list[bytes]:
    """Return the documents of `config.transactions`, which describe each session's latest retryable write or transaction."""
    return [
        encode(
            {
                "_id": session_document(session),
                "txnNum": Int64(write.number),
                "lastWriteOpTime": {"ts": write.last_time, "t": Int64(1)},
                "lastWriteDate": Date(write.last_ms),
                **({"state": "committed"} if write.is_transaction else {}),
            }
        )
        for session, write in services.sessions.retries.newest().items()
        if write.last_time is not None
    ]


def views_statistics(services: Services, db: str, name: str, scale: int = 1) -> dict[str, Any] | None:
    """Return the collStats fields of `system.views`, or None if the name is different or the database has no views."""
    documents = _views(services, db) if name == VIEWS else []
    if not documents:
        return None
    size = sum(map(len, documents))
    return {
        **document_sizes(len(documents), size, scale),
        "capped": False,
        "nindexes": 1,
        "indexBuilds": [],
        "totalIndexSize": 0,
        "totalSize": int_value(size // scale),
        "indexSizes": {"_id_": 0},
        "scaleFactor": scale,
        "avgObjSize": int_value(size // len(documents)),
    }


def views_uuid(db: str) -> Binary:
    """Return the UUID of `system.views`. It is derived from the database name, because the collection is not stored."""
    digest = hashlib.md5(f"{db}.{VIEWS}".encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()
    uuid: Binary = Binary(UUID(bytes=digest, version=4).bytes, 4)
    return uuid


def _views(services: Services, db: str) -> list[bytes]:
    views = [collection for collection in services.catalog.collections(db) if is_shown_as_view(collection, services.release)]
    return [encode({"_id": view.namespace, **_definition(view)}) for view in views]


def _definition(view: Collection) -> dict[str, Any]:
    """Return the fields of a view's document in `system.views` that define the view."""
    if not view.is_timeseries:
        return view.options
    return {name: view.options[name] for name in ("viewOn", "pipeline", "collation") if name in view.options}
