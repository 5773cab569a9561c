"""The measurement fields that the 2dsphere indexes of a time series contain.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-secondary-index/
"""

from __future__ import annotations

from typing import Any, NamedTuple

from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.index.kinds.geo import GeoKind, geometries_at
from secantus_server.index.kinds.geo_errors import MEASURED, PLAIN, Codes, key_error
from secantus_server.index.kinds.sphere import geometry_keys
from secantus_server.index.kinds.sphere_bucket import SphereBucket
from secantus_server.mql.geo import GeometryError


class LocatedField(NamedTuple):
    """A measurement field whose value must be a geometry, null or missing.

    Arguments:
        path: the field's path in a measurement.
        codes: the error codes for an invalid value.
    """

    path: str
    codes: Codes

    def error_of(self, measurement: dict[str, Any]) -> CommandError | None:
        """Return the error for a measurement that cannot be indexed, or None if it can be indexed."""
        for value in geometries_at(measurement, self.path):
            try:
                geometry_keys(value)
            except GeometryError as error:
                return key_error(measurement, self.path, value, error, self.codes)
        return None


def located_fields(indexes: list[Index], meta_field: str | None) -> list[LocatedField]:
    """Return the measurement fields that the 2dsphere indexes on the buckets contain."""
    found = []
    for index in indexes:
        kind = index.kind
        # The filter of a partial index applies to the whole bucket, so a single measurement cannot be checked.
        if not isinstance(kind, GeoKind) or kind.is_flat or index.partial_filter is not None:
            continue
        for path in kind.located(index.spec["key"]):
            if isinstance(kind, SphereBucket):
                found.append(LocatedField(path.removeprefix("data."), MEASURED))
            elif meta_field is not None:
                found.append(LocatedField(meta_field + path.removeprefix("meta"), PLAIN))
    return found
