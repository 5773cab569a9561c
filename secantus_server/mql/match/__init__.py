"""The match language, in which the filters of find, update, delete, `$match` and similar operations are written.

https://www.mongodb.com/docs/manual/reference/operator/query/

`parse_match` parses a filter into a tree of nodes. The planner reads the attributes of these nodes. The modules are imported when a name
is first used: the scans of a collection use a single one of them, `_nodes`, and a suite's first test may have no filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.modules import import_part

if TYPE_CHECKING:
    from secantus_server.mql.match._language import (
        NO_SCRIPT,
        SPECIAL,
        AlwaysFalse,
        AlwaysTrue,
        And,
        Bits,
        Comparison,
        ElemMatchObject,
        ElemMatchValue,
        Exists,
        ExprMatch,
        GeoMatch,
        GeoNear,
        In,
        JsonSchema,
        MatchExpression,
        Mod,
        Nor,
        Not,
        Or,
        PathMatch,
        RegexMatch,
        SampleRate,
        Size,
        TextMatch,
        TextResidual,
        TypeMatch,
        parse_match,
    )

__all__ = [
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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    language = import_part(f"{__name__}._language")
    globals().update({one: getattr(language, one) for one in __all__})
    return globals()[name]
