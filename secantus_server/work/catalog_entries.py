"""The descriptions of collections and views that listCollections and `$listCatalog` return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bson.binary import Binary

from secantus_server.catalog.catalog import Catalog
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import shown_options
from secantus_server.catalog.view import CatalogView
from secantus_server.differences import VIEWLESS_TIMESERIES
from secantus_server.dispatch.services import Services
from secantus_server.reserved_names import BUCKETS
from secantus_server.version import Release


def catalog_entries(services: Services, db: str | None) -> list[dict[str, Any]]:
    """Return a `$listCatalog` document for each collection and view of one database, or of all databases if `db` is None."""
    names = services.catalog.databases() if db is None else [db]
    return [{"db": name, "ns": f"{name}.{info['name']}", **info} for name in names for info in collection_infos(services, name)]


def collection_infos(services: Services, db: str, name: str | None = None) -> list[dict[str, Any]]:
    """Return the listCollections document of each collection and view of a database, or only of those with the given name."""
    collections = services.catalog.collections(db)
    shown = shown_collections(collections, services.release)
    hides_some = len(shown) != len(collections)
    if name is not None:
        shown = [collection for collection in shown if collection.name == name]
    if not hides_some:
        return list(map(_info, shown))
    uuids = {collection.name: collection.uuid for collection in collections}
    return [_whole_series(one, uuids.get(one.options["viewOn"])) if one.is_timeseries else _info(one) for one in shown]


def shown_collections(collections: Sequence[Collection], release: Release) -> Sequence[Collection]:
    """Return the collections and views that a MongoDB release lists. Since 9.0, the buckets collections of time series are not listed."""
    if not release.has(VIEWLESS_TIMESERIES):
        return collections
    buckets = {collection.options["viewOn"] for collection in collections if collection.is_timeseries}
    return [collection for collection in collections if collection.name not in buckets]


def is_shown_as_view(collection: Collection, release: Release) -> bool:
    """Return whether a MongoDB release lists a collection as a view. Before 9.0, a time-series collection is listed as a view."""
    return collection.is_view and not (collection.is_timeseries and release.has(VIEWLESS_TIMESERIES))


def shown_name(collection: Collection, catalog: Catalog | CatalogView, release: Release) -> str:
    """Return the name under which a MongoDB release lists a collection.

    Since 9.0, the buckets collection of a time series is listed under the name of the time series.
    """
    name = collection.name.removeprefix(BUCKETS)
    if name == collection.name or not release.has(VIEWLESS_TIMESERIES):
        return collection.name
    series = catalog.find(collection.db, name)
    return name if series is not None and series.is_timeseries else collection.name


def _whole_series(series: Collection, uuid: Binary | None) -> dict[str, Any]:
    """Return the `$listCatalog` document of a time-series collection, with the UUID of its buckets collection."""
    info = _info(series)
    return info if uuid is None else {**info, "info": {**info["info"], "uuid": uuid}}


def _info(collection: Collection) -> dict[str, Any]:
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
