"""The 2d index: pairs of coordinates in the plane.

https://www.mongodb.com/docs/manual/core/indexes/index-types/geospatial/2d/
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from secantus_server.bson import decode
from secantus_server.bson.shell import document_text
from secantus_server.errors import CommandError
from secantus_server.index.key_pattern import as_number
from secantus_server.index.kinds.geo import GeoKind, geometries_at
from secantus_server.index.kinds.kind import Guard, register
from secantus_server.index.kinds.wildcard import check_wildcard_fields
from secantus_server.mql.geo import GeometryError, parse_position

DEFAULT_BOUND = 180.0
DEFAULT_BITS = 26
MAX_BITS = 32


class Plane(GeoKind):
    """An index with a field of positions in the plane."""

    name = "2d"
    options = MappingProxyType({"bits": "number", "min": "number", "max": "number", "bucketSize": "number"})
    has_collations = False
    may_expire = True
    near_stage = "GEO_NEAR_2D"
    is_flat = True

    def check(self, spec: dict[str, Any]) -> None:
        """Refuse wildcards and `unique`.

        Raises:
            CommandError: 67 CannotCreateIndex.
        """
        check_wildcard_fields(spec["key"])
        if spec.get("unique"):
            raise CommandError(67, "Currently 2d indexes cannot guarantee uniqueness. Use a regular index.")

    def complete(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return the definition with its limits as doubles.

        Raises:
            CommandError: 72 InvalidOptions for an impossible number of bits.
        """
        bits = spec.get("bits", DEFAULT_BITS)
        if not 1 <= as_number(bits) <= MAX_BITS:
            raise CommandError(72, f"bits for 2d index must be > 0 and <= {MAX_BITS}, but {bits} was specified")
        low, high = float(as_number(spec.get("min", -DEFAULT_BOUND))), float(as_number(spec.get("max", DEFAULT_BOUND)))
        if not low < high:
            raise CommandError(72, f"region for 2d index must have an area: min {low:g} must be less than max {high:g}")
        return {option: float(as_number(value)) if option in ("min", "max") else value for option, value in spec.items()}

    def guard(self, spec: dict[str, Any]) -> Guard:
        """Return a function that refuses documents whose values are not positions within the limits."""
        paths = self.located(spec["key"])
        low, high = float(spec.get("min", -DEFAULT_BOUND)), float(spec.get("max", DEFAULT_BOUND))
        return lambda document: _check(decode(document), paths, low, high)

    def serves_near(self, *, spherical: bool, geojson: bool) -> bool:
        """Return whether the distances are from a pair of coordinates; on the sphere, too."""
        return not geojson


def _check(document: dict[str, Any], paths: list[str], low: float, high: float) -> None:
    for path in paths:
        for value in geometries_at(document, path):
            for pair in _pairs(value):
                try:
                    position = parse_position(pair)
                except GeometryError:
                    raise CommandError(16804, "location object expected, location array not in correct format") from None
                if not all(low <= coordinate < high for coordinate in position):
                    raise CommandError(13027, f"point not in interval of [ {low:g}, {high:g} ] :: caused by :: {document_text(document)}")


def _pairs(value: Any) -> list[Any]:
    """Return the pairs in a value, which is one pair or an array of pairs."""
    if type(value) is list and value and type(value[0]) in (list, dict):
        return value
    return [] if value == [] else [value]


register(Plane())
