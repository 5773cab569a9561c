"""Functions that statements on time-series collections share: access to the buckets, and translation of index keys and hints.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-secondary-index/
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.differences import TIMESERIES_NAMES
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.query.bucket_expressions import renamed_path
from secantus_server.version import Release


def check_outside_transaction(request: Request, collection: Collection, name: str) -> None:
    """Raise if a write to a time-series collection is part of a session's transaction.

    Raises:
        CommandError: 263 OperationNotSupportedInTransaction.
    """
    if request.transaction is not None:
        text = f"Cannot {name} a time-series collection in a multi-document transaction: {collection.namespace}"
        raise CommandError(263, text)


def bucket_key(timeseries: dict[str, Any], key: dict[str, Any]) -> dict[str, Any]:
    """Convert the key pattern of an index on measurements to the key pattern of the corresponding index on buckets.

    A metadata field is mapped to the bucket's metadata. The time field and measured fields are mapped to their bounds in the bucket.
    """
    found: dict[str, Any] = {}
    for path, direction in key.items():
        meta = None if "metaField" not in timeseries else renamed_path(path, timeseries["metaField"])
        if meta is not None:
            found[meta] = direction
        elif type(direction) is str:
            found[f"data.{path}"] = f"{direction}_bucket"
        else:
            descending = direction < 0
            for bound in ("max", "min") if descending else ("min", "max"):
                found[f"control.{bound}.{path}"] = direction
    return found


def measurement_key(timeseries: dict[str, Any], key: dict[str, Any]) -> dict[str, Any] | None:
    """Convert the key pattern of an index on buckets to the key pattern of the corresponding index on measurements.

    This is the inverse of `bucket_key`. The result is None for an index that was created directly on the buckets.
    """
    found: dict[str, Any] = {}
    for path, direction in key.items():
        if path == "meta" or path.startswith("meta."):
            if "metaField" not in timeseries:
                return None
            found[timeseries["metaField"] + path[4:]] = direction
        elif path.startswith(("control.min.", "control.max.")):
            found[path[len("control.min.") :]] = direction
        elif path.startswith("data.") and type(direction) is str:
            found[path[len("data.") :]] = direction.removesuffix("_bucket")
        else:
            return None
    return found if bucket_key(timeseries, found) == key else None


def measurement_hint(collection: Collection, hint: Any, release: Release) -> Any:
    """Convert the hint of a statement on measurements to a hint for the buckets.

    Raises:
        CommandError: 2 BadValue since MongoDB 8.3 for the name `_id_`, because a time series has no such index.
    """
    if hint == "_id_" and release.has(TIMESERIES_NAMES):
        raise CommandError(2, "hint provided does not correspond to an existing index (_id_)")
    return bucket_hint(collection, hint)


def bucket_hint(collection: Collection, hint: Any) -> Any:
    """Convert the key pattern in a hint to a key pattern for the buckets. An index name is returned unchanged."""
    if type(hint) is not dict or "$natural" in hint:
        return hint
    return bucket_key(collection.options["timeseries"], hint)
