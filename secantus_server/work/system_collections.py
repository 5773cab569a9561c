"""MongoDB's system collections that are virtual here: reading them as empty collections would be a wrong answer.

`system.views` is generated from the catalog, `local.system.replset` from the configuration; reading the oplog is refused.
"""

from __future__ import annotations

from bson.binary import Binary

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.services import Services
from secantus_server.errors import not_supported

VIEWS = "system.views"


def find_readable(services: Services, catalog: CatalogView, db: str, name: str) -> Collection | None:
    """Return the collection or view to read, or None. A virtual collection is returned as a view of itself, read by a pipeline.

    Raises:
        CommandError: as `virtual_documents`.
    """
    found = catalog.find(db, name)
    if found is None and virtual_documents(services, db, name):
        return Collection(db, name, Binary(bytes(16), 4), 0, {"viewOn": name, "pipeline": []}, [])
    return found


def virtual_documents(services: Services, db: str, name: str) -> list[bytes]:
    """Return the documents of a virtual collection. https://www.mongodb.com/docs/manual/reference/system-collections/

    Raises:
        CommandError: 238 NotImplemented for the oplog, which cannot be read.
    """
    if db == "local" and name == "oplog.rs" and services.settings.replica_set:
        raise not_supported("reading local.oplog.rs", "point the test at a MongoDB server")
    if db == "local" and name == "system.replset" and services.settings.replica_set:
        return [encode(services.topology.config())]
    if name != VIEWS:
        return []
    views = [collection for collection in services.catalog.collections(db) if collection.is_view]
    return [encode({"_id": view.namespace, **view.options}) for view in views]
