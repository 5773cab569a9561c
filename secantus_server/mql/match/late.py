"""The operators whose modules are imported when a filter first uses them.

These modules import geometry, JSON Schema, the expression language or the stemmers, which most filters do not use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from secantus_server.modules import import_late
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match.registry import Clause, Parser, field_operator, filter_operator

#: The function that parses each operator, as the module's name in this package and the function's name.
_FILTER_OPERATORS: Final = {
    "$comment": "evaluation.parse_comment",
    "$expr": "evaluation.parse_expr",
    "$jsonSchema": "json_schema.parse_json_schema",
    "$sampleRate": "evaluation.parse_sample_rate",
    "$text": "text.parse_text",
    "$where": "evaluation.parse_where",
}
_FIELD_OPERATORS: Final = {
    "$comment": "evaluation.parse_comment",
    "$geoIntersects": "geo_regions.parse_region_match",
    "$geoNear": "geo_near.parse_near",
    "$geoWithin": "geo_regions.parse_region_match",
    "$maxDistance": "geo_near.parse_limit",
    "$minDistance": "geo_near.parse_limit",
    "$near": "geo_near.parse_near",
    "$nearSphere": "geo_near.parse_near",
    "$within": "geo_regions.parse_region_match",
}


def _parser(place: str) -> Parser:
    """Return a parser that imports the function which does the work when it is first called."""
    module, _, name = place.partition(".")

    def parse(clause: Clause) -> MatchExpression | None:
        parser: Parser = getattr(import_late(f"{__package__}.{module}"), name)
        return parser(clause)

    return parse


def _register(places: Mapping[str, str], *, of_fields: bool) -> None:
    for operator, place in places.items():
        (field_operator if of_fields else filter_operator)(operator)(_parser(place))


_register(_FILTER_OPERATORS, of_fields=False)
_register(_FIELD_OPERATORS, of_fields=True)
