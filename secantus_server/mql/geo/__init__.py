"""Geometry on the sphere and in the plane, given as GeoJSON or as legacy coordinate pairs.

https://www.mongodb.com/docs/manual/geospatial-queries/

`coordinates` and `geojson` parse shapes. `sphere` and `planar` implement computations with single points, edges and rings. `relations`
computes containment, intersection and distance.
"""

from secantus_server.mql.geo.coordinates import GeometryError, Position, parse_position
from secantus_server.mql.geo.geojson import parse_geometry, parse_stored
from secantus_server.mql.geo.planar import Box, Circle, FlatPolygon
from secantus_server.mql.geo.relations import Cap, distance, intersects, within
from secantus_server.mql.geo.shapes import Geometry

__all__ = [
    "Box",
    "Cap",
    "Circle",
    "FlatPolygon",
    "Geometry",
    "GeometryError",
    "Position",
    "distance",
    "intersects",
    "parse_geometry",
    "parse_position",
    "parse_stored",
    "within",
]
