"""The common base of the geospatial index kinds, which defines the format of their entries and the interface that queries use.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-geospatial/

An index covers each geometry with cells. A geometry field has one key per cell, which consists of the byte CELL and the cell's number in
64 bits. Every other field has the key of its value. A document has one entry for each combination of its fields' keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

from bson.int64 import Int64

from secantus_server.bson import decode, key_string
from secantus_server.index.key_pattern import direction
from secantus_server.index.kinds.kind import Extractor, IndexKind
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.geo.covering import Range
from secantus_server.mql.match import Comparison, GeoMatch, GeoNear, MatchExpression, Not, Or
from secantus_server.mql.walk import values_at

#: The first byte of a cell's key. It makes cells sort after the key of null.
CELL = b"\x80"
#: The first byte of the single key that all positions beyond the limits of an index share.
ELSEWHERE = b"\x81"
_NULL = key_string(None)

Part = tuple[str, int]  # a path and a direction
#: A function that returns the keys of the cells that cover a geometry. Its arguments are the value of the field, the document and the
#: field's path.
CellKeys = Callable[[Any, dict[str, Any], str], list[bytes]]


class Nearby(NamedTuple):
    """Sample cells around a point, which serve to estimate the density of index entries there.

    Arguments:
        ranges: the numbers of the cells.
        radius: the distance from a cell's center to its corners, in radians or, for a 2d index in the plane, in the unit of the
            coordinates.
    """

    ranges: list[Range]
    radius: float


class GeoKind(IndexKind):
    """The base class of index kinds for geometries. These indexes are always sparse, so they omit documents without a geometry."""

    def membership(self, spec: dict[str, Any]) -> MatchExpression | None:
        """Return a filter for the documents that have a geometry."""
        return Or([Not(Comparison(path, "$eq", None)) for path in self.located(spec["key"])])

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return whether the predicate is geospatial and its path is a geometry field of the index."""
        return type(node) in (GeoMatch, GeoNear) and self.locates(spec["key"], path)

    def located(self, key: dict[str, Any]) -> list[str]:
        """Return the paths of the geometry fields in a key pattern."""
        return [path for path in key if self.locates(key, path)]

    def parts(self, key: dict[str, Any]) -> list[Part]:
        """Return the paths and directions of a key pattern. Geometry fields count as ascending."""
        return [(path, direction(value)) for path, value in key.items()]

    def entries_version(self) -> str:
        """Return the format version of the stored keys."""
        return "1"

    def extractor(self, spec: dict[str, Any]) -> Extractor:
        """Return a function that returns the keys of a document. The function raises an error if a value is not a geometry."""
        key = spec["key"]
        collation = parse_collation(spec.get("collation"))
        cells = self.cell_keys(spec)
        geo = [(path, path.split(".")) if self.locates(key, path) else None for path in key]
        generators = [None if self.locates(key, path) else KeyGenerator([(path, turn)], collation) for path, turn in self.parts(key)]
        is_sparse = self.membership(spec) is not None

        def extract(document: bytes) -> list[bytes]:
            decoded = decode(document)
            found = [None if place is None else _keys_at(decoded, *place, cells) for place in geo]
            if is_sparse and not any(found):
                return []
            columns = [
                (keys or [_NULL]) if generator is None else generator.keys(document)[0]
                for keys, generator in zip(found, generators, strict=True)
            ]
            return list(columns[0]) if len(columns) == 1 else [b"".join(parts) for parts in product(*map(set, columns))]

        return extract

    def key_values(self, spec: dict[str, Any], document: bytes, key: bytes) -> list[Any]:
        """Decode a key of a document and return the value of each indexed field. The value of a geometry field is the cell's number."""
        collation = parse_collation(spec.get("collation"))
        values: list[Any] = []
        for path, turn in self.parts(spec["key"]):
            if not self.locates(spec["key"], path):
                generator = KeyGenerator([(path, turn)], collation)
                own = next(own for own in generator.keys(document)[0] if key.startswith(own))
                values += generator.values_of(document, own)
                key = key[len(own) :]
            elif key.startswith(_NULL):
                values.append(None)
                key = key[len(_NULL) :]
            else:
                values.append(Int64(as_signed(int.from_bytes(key[1:9], "big"))))
                key = key[9:]
        return values

    def cell_keys(self, spec: dict[str, Any]) -> CellKeys:
        """Return a function that maps a geometry to the distinct keys of the cells that cover it; see `CellKeys`.

        The function raises CommandError for a value that cannot be indexed.
        """
        raise NotImplementedError

    def cover(self, spec: dict[str, Any], node: GeoMatch) -> list[Range] | None:
        """Return the cells that cover a predicate's region, as ascending ranges, or None if the index cannot serve the predicate."""
        raise NotImplementedError

    def ring(self, spec: dict[str, Any], near: GeoNear, inner: float, outer: float) -> list[Range]:
        """Return the cells that may contain geometries between two distances from a point, as ascending ranges.

        Arguments:
            near: the predicate with the point.
            inner, outer: the minimum and maximum distance, in radians or, in the plane, in the unit of the coordinates.
        """
        raise NotImplementedError

    def farthest(self, spec: dict[str, Any], near: GeoNear) -> float:
        """Return an upper bound on the distance from the predicate's point to any indexed geometry, in the same unit as the distances of
        `ring`.
        """
        raise NotImplementedError

    def nearby(self, spec: dict[str, Any], near: GeoNear) -> Iterator[Nearby]:
        """Yield samples of increasingly large cells around the predicate's point, for an estimate of the entries' density."""
        raise NotImplementedError

    def shown(self, number: int) -> str:
        """Return a cell's number in explain's format."""
        return str(as_signed(number))


def geometries_at(document: dict[str, Any], path: str) -> Iterator[Any]:
    """Yield the non-null values at a path. Null and missing values are skipped because they are not indexed."""
    return (value for value in values_at(document, path.split(".")) if value is not None)


def cell_key(number: int) -> bytes:
    """Return the key of a cell."""
    return CELL + number.to_bytes(8, "big")


def as_signed(number: int) -> int:
    """Reinterpret the bits of an unsigned 64-bit number as a signed number."""
    return number - (1 << 64) if number >> 63 else number


def _keys_at(document: dict[str, Any], path: str, names: list[str], cells: CellKeys) -> list[bytes]:
    found = [cells(value, document, path) for value in values_at(document, names) if value is not None]
    return found[0] if len(found) == 1 else list({key for keys in found for key in keys})
