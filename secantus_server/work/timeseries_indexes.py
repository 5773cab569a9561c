"""Secondary indexes of time-series collections. Each is stored as an index on the buckets and listed as an index on the measurements.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-secondary-index/
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError, not_supported
from secantus_server.index.kinds.kind import kind_of
from secantus_server.mql.collation import parse_collation
from secantus_server.query.bucket_expressions import META
from secantus_server.query.bucket_filters import bounds_of, renamed
from secantus_server.work.timeseries_buckets import bucket_key, measurement_key


def bucket_index(collection: Collection, spec: dict[str, Any]) -> dict[str, Any]:
    """Convert the definition of an index on measurements to the definition of the corresponding index on buckets.

    Arguments:
        collection: the time-series collection.
        spec: the validated definition of the index on measurements.

    Raises:
        CommandError: 72 InvalidOptions, 67 CannotCreateIndex, 85 IndexOptionsConflict, 7246201 for a field that cannot be indexed, 238
            NotImplemented.
    """
    timeseries = collection.options["timeseries"]
    _check_options(spec)
    _check_key(timeseries, spec)
    found = {**spec, "key": bucket_key(timeseries, spec["key"])}
    partial = spec.get("partialFilterExpression")
    if partial is not None:
        _check_collation(collection, spec)
        found["partialFilterExpression"] = _bucket_condition(timeseries, partial)
        found["originalSpec"] = spec
    if "expireAfterSeconds" in spec:
        _check_expiry(timeseries, spec)
    return found


def shown_index(collection: Collection, spec: dict[str, Any]) -> dict[str, Any] | None:
    """Convert the definition of an index on buckets to the definition of the corresponding index on measurements.

    The result is None for an index that was created directly on the buckets.

    Arguments:
        collection: the time-series collection.
        spec: the definition of the index on buckets.
    """
    if "originalSpec" in spec:
        return {**{name: value for name, value in spec.items() if name != "originalSpec"}, **spec["originalSpec"]}
    key = measurement_key(collection.options["timeseries"], spec["key"])
    return None if key is None else {**spec, "key": key}


def _check_options(spec: dict[str, Any]) -> None:
    for option in ("unique", "prepareUnique"):
        if spec.get(option):
            raise CommandError(72, "Unique indexes are not supported on time-series collections")


def _check_key(timeseries: dict[str, Any], spec: dict[str, Any]) -> None:
    """Raise if buckets do not support the fields or the kind of an index."""
    for path, direction in spec["key"].items():
        if path == "_id":
            raise CommandError(72, "Indexes on _id are not supported on time-series collections")
        is_meta = next(iter(bucket_key(timeseries, {path: 1}))).partition(".")[0] == META
        kind_of({path: direction}).check_in_time_series(is_meta=is_meta)
        if spec.get("sparse") and not is_meta:
            raise CommandError(72, "Sparse indexes are only supported on the metadata of time-series collections")
        if type(direction) is str and not is_meta and "." in path:
            raise not_supported("a geospatial index on a field inside a measured one", "put the place into a field of its own")


def _check_collation(collection: Collection, spec: dict[str, Any]) -> None:
    """Raise if a partial index's collation differs from the collection's, because the collection's collation is used to evaluate the
    filter.
    """
    if "collation" in spec and parse_collation(spec["collation"]) != parse_collation(collection.options.get("collation")):
        raise CommandError(85, "A partial index on a time-series collection must have the collation of the collection")


def _check_expiry(timeseries: dict[str, Any], spec: dict[str, Any]) -> None:
    if list(spec["key"]) != [timeseries["timeField"]]:
        raise CommandError(72, "TTL indexes on time-series collections must be on the timeField only")
    meta = timeseries.get("metaField")
    partial = spec.get("partialFilterExpression")
    if partial is None or meta is None or renamed(partial, meta) is None:
        text = "TTL indexes on time-series collections must be partial indexes whose filter is on the metaField only"
        raise CommandError(72, text)


def _bucket_condition(timeseries: dict[str, Any], partial: dict[str, Any]) -> dict[str, Any]:
    """Convert a partial index's filter on measurements to a filter on buckets."""
    clauses: list[dict[str, Any]] = []
    meta = timeseries.get("metaField")
    for path, value in partial.items():
        moved = None if meta is None else renamed({path: value}, meta)
        if moved is not None:
            clauses.append(moved)
        elif path == "$and":
            clauses += [_bucket_condition(timeseries, part) for part in value]
        elif path.startswith("$"):
            raise not_supported(f"{path} in a partial index on a time-series collection", "use a condition of one field")
        else:
            clauses += bounds_of(path, value)
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}
