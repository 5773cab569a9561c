"""Updates of time-series collections. An update can change only metadata, and must change it for all measurements that have the same
metadata.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-limitations/#updates-and-deletes
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.query.bucket_expressions import renamed_path
from secantus_server.query.bucket_filters import renamed
from secantus_server.work.timeseries_buckets import check_outside_transaction, measurement_hint

_UPDATE = "Cannot perform an update on a time-series collection"


def update_of_buckets(request: Request, collection: Collection | None, spec: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of the buckets collection, and the statement that updates the buckets in place of the measurements.

    Arguments:
        collection: the time-series collection, or None if it was dropped in the meantime.
        spec: the validated statement.

    Raises:
        CommandError: 72 InvalidOptions if the statement reads or changes more than the metadata, 263 in a session's transaction, 26
            NamespaceNotFound.
    """
    if collection is None or not collection.is_timeseries:
        raise CommandError(26, "the time-series collection was dropped during an update")
    check_outside_transaction(request, collection, "update")
    meta = collection.options["timeseries"].get("metaField")
    _check_form(spec, meta)
    query = renamed(spec["q"], meta)
    if query is None:
        raise CommandError(72, f"{_UPDATE} when querying on a field that is not the metaField '{meta}'")
    update = {operator: _renamed_fields(operator, fields, meta) for operator, fields in spec["u"].items()}
    hint = measurement_hint(collection, spec["hint"], request.services.release)
    return collection.options["viewOn"], {**spec, "q": query, "u": update, "hint": hint}


def _check_form(spec: dict[str, Any], meta: str | None) -> None:
    if spec["upsert"]:
        raise CommandError(72, "Cannot perform an upsert on a time-series collection")
    if not spec["multi"]:
        raise CommandError(72, "Cannot perform a non-multi update on a time-series collection")
    if type(spec["u"]) is list:
        raise CommandError(72, f"{_UPDATE} using a pipeline update")
    if not all(name.startswith("$") for name in spec["u"]):
        raise CommandError(72, f"{_UPDATE} using a replacement document")
    if meta is None:
        raise CommandError(72, f"{_UPDATE} that does not have a metaField")


def _renamed_fields(operator: str, fields: Any, meta: str) -> dict[str, Any]:
    found = {}
    for path, value in fields.items():
        changed = renamed_path(path, meta)
        is_path = operator == "$rename" and type(value) is str
        new = renamed_path(value, meta) if is_path else value
        if changed is None or (is_path and new is None):
            raise CommandError(72, f"{_UPDATE} which updates a field that is not the metaField '{meta}'")
        found[changed] = new
    return found
