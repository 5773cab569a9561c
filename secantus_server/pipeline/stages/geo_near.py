"""`$geoNear`: returns documents in order of their distance from a point.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/geoNear/

The stage requires a geospatial index. The planner finds the documents in order of distance. The stage then adds distances and locations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from secantus_server.bson import encode
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import FieldPath
from secantus_server.mql.geo import Position as Coordinates
from secantus_server.mql.geo import parse_stored
from secantus_server.mql.geo.sphere import to_vector
from secantus_server.mql.match import And, MatchExpression, parse_match
from secantus_server.mql.match._geo import GeoNear as GeoNearMatch
from secantus_server.pipeline._fields import FieldSetter
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage
from secantus_server.pipeline.stages.geo_near_spec import GeoNearSpec, is_geojson, parse_geo_near
from secantus_server.pipeline.stages.match import Match
from secantus_server.query.near import NearKind, near_kinds


@stage("$geoNear")
class GeoNear(Stage):
    """A parsed `$geoNear`."""

    position = Position.FIRST
    misplaced = (40603, "$geoNear was not the first stage in the pipeline.")
    in_facet = False
    makes_many = True
    searches = True

    def __init__(self, near: GeoNearSpec, query: Match, ctx: PipelineContext) -> None:
        super().__init__()
        self.locate: Callable[[], Any] = lambda: MISSING
        self._found: tuple[GeoNearMatch, NearKind, Any] | None = None
        self.near = near
        self.query = query
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> GeoNear:
        """Parse `{$geoNear: {near, distanceField, key, spherical, minDistance, maxDistance, query, distanceMultiplier, includeLocs}}`.

        Raises:
            CommandError: the errors of `parse_geo_near`, 2 for `$text`, and the errors of the query.
        """
        near = parse_geo_near(spec, ctx)
        if _searches_text(near.query):
            raise CommandError(2, "$text is not allowed in the query of $geoNear")
        stage = cls(near, Match.parse(near.query, ctx), ctx)
        if ctx.parse.metadata is not None:
            ctx.parse.metadata.available |= {"geoNearDistance", "geoNearPoint"}
        return stage

    def search(self) -> tuple[dict[str, Any], MatchExpression]:
        """Return the query that finds the input of `run`, both as a filter and as a parsed expression.

        The caller must have bound the variables, because `near` may read them.

        Raises:
            CommandError: 26, 27, 291 without a collection or an index, 2, 5860401, 16433 if `near` is not a point.
        """
        point = self.near.point()
        key, kind = self._index(point)
        match = self._match(key, point, kind)
        self._found = match, kind, point
        if self.query.match is None or not self.query.filter:
            return {key: match.spec}, match
        return {"$and": [self.query.filter, {key: match.spec}]}, And([self.query.match, match])

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents in order of distance, with the distances and locations added.

        Arguments:
            source: the documents found by the query from `search`, or unfiltered documents if `search` was not called.

        Raises:
            CommandError: the errors of `search`.
        """
        if self._found is None:
            _, match = self.search()
            source = self._nearest(match, source)
        found, self._found = self._found, None
        assert found is not None, "the search has set it"
        return self._described(*found, source)

    def _nearest(self, match: MatchExpression, source: Iterable[bytes]) -> list[bytes]:
        assert self._found is not None, "the search has set it"
        measured = [(self._found[0].distance(document), document) for document in source if match.matches(document)]
        measured.sort(key=lambda item: _or_infinite(item[0]))
        return [document for _, document in measured]

    def _described(self, match: GeoNearMatch, kind: NearKind, point: Any, source: Iterable[bytes]) -> Iterator[bytes]:
        for document in source:
            distance = match.distance(document)
            assert distance is not None, "the search returns documents that match"
            self.locate = partial(self._location, document, match.path, kind, point)
            self._set_metadata(distance)
            yield self._with_fields(distance, document)

    def _set_metadata(self, distance: float) -> None:
        metadata = self.ctx.parse.metadata
        if metadata is not None and metadata.wanted:
            values = {"geoNearDistance": distance}
            metadata.values = {**values, "geoNearPoint": self.locate()} if "geoNearPoint" in metadata.wanted else values

    def _match(self, key: str, point: Any, kind: NearKind) -> GeoNearMatch:
        condition = self.near.condition(point)
        match = parse_match({key: condition}, self.ctx.parse)
        assert isinstance(match, GeoNearMatch), "a filter of one near condition is that condition"
        if kind.is_flat and match.spherical:
            measure = _measure_by_chord(match.point)
            return GeoNearMatch(key, match.point, True, match.min_distance, match.max_distance, measure, condition)
        return match

    def _with_fields(self, distance: float, document: bytes) -> bytes:
        if self.near.distance_field is not None:
            document = FieldSetter(self.near.distance_field).set(document, distance * self.near.multiplier)
        if self.near.location_field is not None:
            document = FieldSetter(self.near.location_field).set(document, self.locate())
        return document

    def _location(self, document: bytes, key: str, kind: NearKind, point: Any) -> Any:
        """Return the document's location. If the document has several, return the nearest one."""
        value = FieldPath(key).evaluate(document)
        if type(value) is not list or not value or type(value[0]) not in (dict, list):
            return value
        measure = self._match("v", point, kind).distance
        return min(value, key=lambda item: _or_infinite(measure(encode({"v": item}))))

    def _index(self, point: Any) -> tuple[str, NearKind]:
        """Return the path and the kind of the geospatial index for the query."""
        db, name = self.ctx.db, self.ctx.collection
        assert name is not None, "the parser has checked that there is a collection"
        if self.ctx.host.target(db, name) is None:
            raise CommandError(26, f"$geoNear requires a geo index to run, but {db}.{name} does not exist")
        paths = self._paths(db, name)
        wanted = [kind for kind in near_kinds() if kind.serves_near(spherical=self.near.spherical, geojson=is_geojson(point))]
        key = self.near.key or _only_path(paths, f"{db}.{name}")
        kind = next((kind for kind in wanted if key in paths[kind.name]), None)
        if kind is None:
            raise CommandError(291, f"error processing query: ns={db}.{name} :: caused by :: unable to find index for $geoNear query")
        return key, kind

    def _paths(self, db: str, name: str) -> dict[str, list[str]]:
        """Return the paths of all geospatial indexes that are not hidden, grouped by the kind of index."""
        stats = self.ctx.host.index_stats(db, name)
        keys = [index["key"] for index in stats if not index.get("spec", {}).get("hidden")]
        return {kind.name: [path for key in keys for path in key if kind.locates(key, path)] for kind in near_kinds()}


def _only_path(paths: dict[str, list[str]], namespace: str) -> str:
    """Return the path of the only index of the preferred kind, which is the default if the user does not specify `key`."""
    for kind, found in paths.items():
        if len(found) > 1:
            raise CommandError(27, f"There is more than one {kind} index on {namespace}; unclear which to use for $geoNear")
        if found:
            return found[0]
    raise CommandError(27, "$geoNear requires a 2d or 2dsphere index, but none were found")


def _measure_by_chord(point: Coordinates) -> Callable[[Any], float | None]:
    """Return a function that computes the distance from `point` in radians, derived from the length of the chord.

    For a flat index, MongoDB computes spherical distances in this way.
    """
    origin = to_vector(point)

    def measure(value: Any) -> float | None:
        geometry = parse_stored(value)
        if geometry is None or geometry.kind != "Point":
            return None
        chord = math.sqrt(sum((a - b) ** 2 for a, b in zip(origin, to_vector(geometry.position), strict=True)))
        return 2 * math.asin(min(chord / 2, 1.0))

    return measure


def _or_infinite(distance: float | None) -> float:
    return float("inf") if distance is None else distance


def _searches_text(query: Any) -> bool:
    if type(query) is list:
        return any(map(_searches_text, query))
    return type(query) is dict and ("$text" in query or any(_searches_text(query.get(name)) for name in ("$and", "$or", "$nor")))
