"""From an index's stored definition to the index itself."""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.index._index import Index
from secantus_server.index.geo_guard import geo_guard
from secantus_server.index.hashed_guard import hashed_guard
from secantus_server.index.text import text_guard
from secantus_server.index.wildcard_guard import wildcard_guard
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match

# What stands for a direction in the key patterns of special indexes.
SPECIAL_KINDS = frozenset(["2d", "2dsphere", "text", "hashed"])


def index_kind(key: dict[str, Any]) -> str:
    """The kind of index that a key pattern asks for."""
    for path, direction in key.items():
        if type(direction) is str:
            return direction
        if path == "$**" or path.endswith(".$**"):
            return "wildcard"
    return "btree"


def make_index(spec: dict[str, Any], ident: int, multikey: bool = False) -> Index:
    """The index of a definition that was checked when it was made.

    Arguments:
        spec: the definition as listIndexes gives it.
        ident: its place in the table of index entries.
        multikey: whether some document had several keys.
    """
    kind = index_kind(spec["key"])
    collation = parse_collation(spec.get("collation"))
    generator = None
    if kind in ("btree", "hashed"):
        generator = KeyGenerator([(path, direction(value)) for path, value in spec["key"].items()], collation)
    partial = spec.get("partialFilterExpression")
    partial_filter = parse_match(partial, ParseContext(collation=collation)) if partial is not None else None
    guard = geo_guard(spec) or hashed_guard(spec["key"]) or wildcard_guard(spec["key"]) or text_guard(spec)
    return Index(spec, ident, kind, generator, partial_filter, multikey, guard)


def direction(value: Any) -> int:
    """1 or -1 for a number of a key pattern; a special kind ascends."""
    if type(value) is Decimal128:
        value = value.to_decimal()
    return -1 if type(value) is not str and value < 0 else 1
