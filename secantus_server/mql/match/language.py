"""Imports all of the match language: the modules of its operators, which register themselves, and the names that the package exports."""

from secantus_server.mql.match import (  # noqa: F401
    arrays,
    bits,
    comparison,
    element,
    late,
    logical,
    modulo,
    regex,
)
from secantus_server.mql.match._comparison import Comparison, In
from secantus_server.mql.match._elem_match import ElemMatchObject, ElemMatchValue
from secantus_server.mql.match._expression import ExprMatch, SampleRate, TextMatch, TextResidual
from secantus_server.mql.match._geo import GeoMatch, GeoNear
from secantus_server.mql.match._nodes import AlwaysFalse, AlwaysTrue, And, MatchExpression, Nor, Not, Or, PathMatch
from secantus_server.mql.match._predicates import Bits, Exists, Mod, Size, TypeMatch
from secantus_server.mql.match._regex import RegexMatch
from secantus_server.mql.match._schema import JsonSchema
from secantus_server.mql.match.parser import NO_SCRIPT, SPECIAL, parse_match
from secantus_server.mql.match.registry import FIELD_OPERATORS, FILTER_OPERATORS

__all__ = [
    "FIELD_OPERATORS",
    "FILTER_OPERATORS",
    "NO_SCRIPT",
    "SPECIAL",
    "AlwaysFalse",
    "AlwaysTrue",
    "And",
    "Bits",
    "Comparison",
    "ElemMatchObject",
    "ElemMatchValue",
    "Exists",
    "ExprMatch",
    "GeoMatch",
    "GeoNear",
    "In",
    "JsonSchema",
    "MatchExpression",
    "Mod",
    "Nor",
    "Not",
    "Or",
    "PathMatch",
    "RegexMatch",
    "SampleRate",
    "Size",
    "TextMatch",
    "TextResidual",
    "TypeMatch",
    "parse_match",
]
