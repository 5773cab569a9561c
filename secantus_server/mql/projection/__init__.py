"""Projections, which determine the fields of a document that are included, excluded or computed.

https://www.mongodb.com/docs/manual/reference/method/db.collection.find/#projection
"""

from secantus_server.mql.projection.add_fields import parse_add_fields, parse_unset
from secantus_server.mql.projection.parse import parse_projection
from secantus_server.mql.projection.projections import Projection

__all__ = ["Projection", "parse_add_fields", "parse_projection", "parse_unset"]
