"""What MongoDB keeps in collections of its own and this server keeps elsewhere: to read them as if they were empty would be a wrong answer.

`system.views` is made of the catalog, `local.system.replset` of the configuration; the oplog is refused.
"""

from __future__ import annotations

from bson.binary import Binary

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.errors import not_supported

VIEWS = "system.views"


def find_readable(services: Services, db: str, name: str) -> Collection | None:
    """The collection or view to read, or None; for what is kept elsewhere a view of itself, which a pipeline reads.

    Raises:
        CommandError: as `documents_kept_elsewhere`.
    """
    found = services.catalog.find(db, name)
    if found is None and documents_kept_elsewhere(services, db, name):
        return Collection(db, name, Binary(bytes(16), 4), 0, {"viewOn": name, "pipeline": []}, [])
    return found


def documents_kept_elsewhere(services: Services, db: str, name: str) -> list[bytes]:
    """The documents of a collection that the catalog does not know. https://www.mongodb.com/docs/manual/reference/system-collections/

    Raises:
        CommandError: 238 NotImplemented, it would hold something that cannot be read.
    """
    if db == "local" and name == "oplog.rs" and services.settings.replica_set:
        raise not_supported("reading local.oplog.rs", "point the test at a MongoDB server")
    if db == "local" and name == "system.replset" and services.settings.replica_set:
        return [encode(services.topology.config())]
    if name != VIEWS:
        return []
    views = [collection for collection in services.catalog.collections(db) if collection.is_view]
    return [encode({"_id": view.namespace, **view.options}) for view in views]
