"""The index on a time series' buckets that implements a 2dsphere index on a measurement field.

No query plan uses this index. It only ensures that the measured values are geometries.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-secondary-index/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError
from secantus_server.index.kinds.geo import CellKeys
from secantus_server.index.kinds.geo_errors import MEASURED, key_error
from secantus_server.index.kinds.kind import register
from secantus_server.index.kinds.sphere import Sphere, geometry_keys
from secantus_server.mql.geo import GeometryError
from secantus_server.mql.match import MatchExpression


class SphereBucket(Sphere):
    """The index kind of indexes on the buckets' field `data.X`, for a measurement field X.

    `data.X` is a document that maps the number of each measurement in the bucket to the measurement's value of X.
    """

    name = "2dsphere_bucket"
    near_stage = None

    def check(self, spec: dict[str, Any]) -> None:
        """Reject fields outside a bucket's `data`. Such fields can occur when a restore creates indexes on the buckets directly.

        Raises:
            CommandError: 67 CannotCreateIndex.
        """
        super().check(spec)
        if not all(path.startswith("data.") for path in self.located(spec["key"])):
            raise CommandError(67, f"{self.name} indexes are only made for the buckets of time-series collections")

    def locates(self, key: dict[str, Any], path: str) -> bool:
        """Return whether a path of a key pattern is a measurement field with geometries."""
        return bool(key.get(path) == self.name)

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return False, because filters on buckets never contain predicates on measured geometries."""
        return False

    def cell_keys(self, spec: dict[str, Any]) -> CellKeys:
        """Return a function that maps the `data.X` of a bucket to the keys of the cells that cover its geometries."""
        return _keys


def _keys(measured: Any, bucket: dict[str, Any], path: str) -> list[bytes]:
    found: set[bytes] = set()
    values = measured.values() if type(measured) is dict else [measured]
    for value in values:
        if value is None:
            continue
        try:
            found.update(geometry_keys(value))
        except GeometryError as error:
            raise key_error(bucket, path.removeprefix("data."), value, error, MEASURED) from None
    return list(found)


register(SphereBucket())
