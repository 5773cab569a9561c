"""The 2dsphere index: geometries on the sphere.

https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2dsphere/
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from secantus_server.bson import decode
from secantus_server.errors import CommandError
from secantus_server.index.key_pattern import as_number
from secantus_server.index.kinds.geo import GeoKind, geometries_at
from secantus_server.index.kinds.geo_errors import key_error
from secantus_server.index.kinds.kind import Guard, register
from secantus_server.index.kinds.wildcard import check_wildcard_fields
from secantus_server.mql.geo import GeometryError, parse_geometry
from secantus_server.mql.geo.geojson import STRICT

MAX_VERSION = 3


class Sphere(GeoKind):
    """An index with one or more fields of geometries on the sphere."""

    name = "2dsphere"
    options = MappingProxyType({"2dsphereIndexVersion": "number"})
    may_expire = True
    near_stage = "GEO_NEAR_2DSPHERE"

    def check(self, spec: dict[str, Any]) -> None:
        """Refuse wildcards.

        Raises:
            CommandError: 67 CannotCreateIndex.
        """
        check_wildcard_fields(spec["key"])

    def complete(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return the definition with its version.

        Raises:
            CommandError: 67 CannotCreateIndex for an unknown version.
        """
        version = spec.get("2dsphereIndexVersion", MAX_VERSION)
        if not 1 <= as_number(version) <= MAX_VERSION:
            raise CommandError(67, f"unsupported geo index version {{ 2dsphereIndexVersion: {version} }}, only support versions: [1,2,3]")
        return {**spec, "2dsphereIndexVersion": version}

    def guard(self, spec: dict[str, Any]) -> Guard:
        """Return a function that refuses documents whose values are not geometries."""
        paths = self.located(spec["key"])
        return lambda document: _check(decode(document), paths)

    def serves_near(self, *, spherical: bool, geojson: bool) -> bool:
        """Return whether the distances are those on the sphere."""
        return spherical or geojson


def _check(document: dict[str, Any], paths: list[str]) -> None:
    for path in paths:
        for value in geometries_at(document, path):
            try:
                parse_geometry(value)
                if type(value) is dict and _is_big(value):
                    raise GeometryError("big polygons cannot be indexed")
            except GeometryError as error:
                raise key_error(document, path, value, error) from None


def _is_big(geometry: dict[str, Any]) -> bool:
    """Return whether the order of a parsed polygon's corners determines which side is inside."""
    return "crs" in geometry and geometry["crs"]["properties"]["name"] == STRICT


register(Sphere())
