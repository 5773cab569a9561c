"""dbHash. https://www.mongodb.com/docs/manual/reference/command/dbHash/"""

from __future__ import annotations

import hashlib
from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.privileges import on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.exec._scan import IndexScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.reserved_names import VIEWS
from secantus_server.work.catalog_entries import shown_name
from secantus_server.work.system_collections import system_documents, views_uuid


@command("dbHash", lenient=True, privileges=on_database("dbHash"))
def db_hash(request: Request, _args: dict[str, Any]) -> Reply:
    """Return a hash of each collection's documents in `_id` order."""
    started = request.services.clock.monotonic()
    hashes: dict[str, str] = {}
    with request.work.reading() as transaction:
        release = request.services.release
        names = {one.name: shown_name(one, transaction.catalog, release) for one in transaction.catalog.collections(request.db)}
        chosen = [one for one in _chosen(request, transaction.catalog) if not _is_left_out(request, names[one.name])]
        scope = ReadScope(transaction.unit, request.operation.check)
        for collection in chosen:
            hashes[names[collection.name]] = _hash(collection, scope)
        scope.close()
        uuids = {names[collection.name]: collection.uuid for collection in chosen}
        views = None if _is_left_out(request, VIEWS) else system_documents(request.services, request.db, VIEWS)
        if views is not None and (documents := views()):
            hashes[VIEWS] = hashlib.md5(b"".join(documents), usedforsecurity=False).hexdigest()
            uuids[VIEWS] = views_uuid(request.db)
    hashes = dict(sorted(hashes.items()))
    together = hashlib.md5("".join(hashes.values()).encode(), usedforsecurity=False).hexdigest()
    return {
        "host": request.services.topology.address,
        "collections": hashes,
        "capped": [collection.name for collection in chosen if collection.is_capped],
        "uuids": dict(sorted(uuids.items())),
        "md5": together,
        "timeMillis": int((request.services.clock.monotonic() - started) * 1000),
    }


def _chosen(request: Request, catalog: CatalogView) -> list[Collection]:
    wanted = request.body.get("collections")
    if type(wanted) is list and any(type(name) is not str for name in wanted):
        raise CommandError(2, "collections entries have to be strings")
    collections = catalog.collections(request.db)
    return [collection for collection in collections if not collection.is_view]


def _is_left_out(request: Request, name: str) -> bool:
    wanted = request.body.get("collections")
    return type(wanted) is list and bool(wanted) and name not in wanted


def _hash(collection: Collection, scope: ReadScope) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    index = collection.id_index
    assert index is not None, "a collection has an index on _id"
    scan = scope.open(IndexScan(index, [(b"", b"\xff" * 9)], collection.ident, None, scope.check))
    for document in scan:
        digest.update(document)
    scope.forget(scan)
    return digest.hexdigest()
