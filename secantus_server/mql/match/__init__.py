"""The match language, in which the filters of find, update, delete, `$match` and similar operations are written.

https://www.mongodb.com/docs/manual/reference/operator/query/

`parse_match` parses a filter into a tree of nodes. The planner reads the attributes of these nodes.

The names of this package are imported when one of them is first used, because a server can start, insert and count without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secantus_server.mql.match.language import (
        FIELD_OPERATORS,
        FILTER_OPERATORS,
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


def __getattr__(name: str) -> object:
    """Return a name of this package. The first one imports the whole language, so that all operators are registered."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not `import_late`: a module that is being imported may get here, and would wait for the lock of `import_late` while it is itself
    # awaited.
    value: object = getattr(import_module("secantus_server.mql.match.language"), name)
    globals()[name] = value
    return value
