"""Sort patterns: parsed once, then applied to each document as a byte key.

https://www.mongodb.com/docs/manual/reference/method/cursor.sort/
"""

from __future__ import annotations

import math
from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.errors import CommandError, not_supported
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions.paths import validate_path
from secantus_server.mql.expressions.value_text import value_text

MAX_SORT_KEYS = 32
UNSUPPORTED_META = frozenset(["textScore", "randVal", "geoNearDistance"])
# All metadata that MongoDB can sort by. The search scores are accepted: without a search engine no document has one.
META_SORTS = UNSUPPORTED_META | {"searchScore", "vectorSearchScore"}


class SortPattern:
    """The fields and directions of a sort.

    `key` returns a document's sort key as bytes; `parts` are the (path, direction) pairs, which the planner compares with the
    indexes.
    """

    def __init__(self, parts: list[tuple[str, int]], ctx: ParseContext) -> None:
        self.parts = parts
        self.generator = KeyGenerator(parts, ctx.collation)
        self.key = self.generator.sort_key

    @classmethod
    def parse(cls, spec: dict[str, Any], ctx: ParseContext) -> SortPattern:
        """Parse a sort document such as `{a: 1, "b.c": -1}`; it must not be empty.

        Raises:
            CommandError: 15974, 15975, 15976, or the error of an invalid path.
        """
        if not spec:
            raise CommandError(15976, "$sort stage must have at least one sort key")
        parts: list[tuple[str, int]] = []
        for path, value in spec.items():
            direction = _direction(path, value)
            _check_path(path)
            if direction:
                parts.append((path, direction))
        if len(parts) > MAX_SORT_KEYS:
            raise CommandError(13103, f"too many compound keys: {value_text(spec)}")
        return cls(parts, ctx)


def _check_path(path: str) -> None:
    if path == "":
        raise CommandError(40352, "FieldPath cannot be constructed with empty string")
    validate_path(path)


def _direction(path: str, value: Any) -> int:
    """Return 1 or -1; 0 for metadata that no document has, which orders nothing."""
    if type(value) is dict:
        return _meta(path, value)
    if type(value) not in (int, Int64, float, Decimal128):
        raise CommandError(15974, f"Illegal key in $sort specification: {path}: {value_text(value)}")
    direction = _whole(value)
    if direction not in (1, -1):
        raise CommandError(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
    return direction


def _whole(value: Any) -> int:
    """Convert to an integer: a double is truncated, a decimal rounded half to even; a non-finite number becomes 0."""
    if type(value) is Decimal128:
        number = value.to_decimal()
        return round(number) if number.is_finite() else 0
    return int(value) if math.isfinite(value) else 0


def _meta(path: str, value: dict[str, Any]) -> int:
    if next(iter(value), None) != "$meta":
        raise CommandError(17312, "$meta is the only expression supported by $sort right now")
    if len(value) > 1:
        raise CommandError(9, f"Cannot have additional keys in a $meta sort specification: {value_text(value)}")
    name = value["$meta"]
    if type(name) is not str or name not in META_SORTS:
        raise CommandError(31138, f"Illegal $meta sort: $meta: {value_text(name)}")
    if name in UNSUPPORTED_META:
        raise not_supported(f"sorting by $meta ({path})", "sort by a stored field")
    return 0
