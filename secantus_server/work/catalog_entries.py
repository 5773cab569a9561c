"""The documents in which listCollections and `$listCatalog` describe collections and views."""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import shown_options
from secantus_server.dispatch.services import Services


def catalog_entries(services: Services, db: str | None) -> list[dict[str, Any]]:
    """Return a `$listCatalog` document for each collection and view, of one database or of all."""
    names = services.catalog.databases() if db is None else [db]
    return [catalog_entry(collection) for name in names for collection in services.catalog.collections(name)]


def catalog_entry(collection: Collection) -> dict[str, Any]:
    """Return the `$listCatalog` document of a collection."""
    entry = collection_info(collection)
    return {"db": collection.db, "ns": collection.namespace, **entry}


def collection_info(collection: Collection) -> dict[str, Any]:
    """Return the listCollections document of a collection."""
    if collection.is_timeseries:
        options = shown_options(collection.options)
        return {"name": collection.name, "type": "timeseries", "options": options, "info": {"readOnly": False}}
    if collection.is_view:
        return {"name": collection.name, "type": "view", "options": collection.options, "info": {"readOnly": True}}
    info = {
        "name": collection.name,
        "type": "collection",
        "options": collection.options,
        "info": {"readOnly": False, "uuid": collection.uuid},
    }
    if collection.is_clustered:
        return info
    id_index = collection.id_index
    assert id_index is not None, "a collection has an index on _id"
    return {**info, "idIndex": id_index.spec}
