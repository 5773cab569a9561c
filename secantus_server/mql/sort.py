"""A sort's pattern: parsed once, then one byte key for each document.

https://www.mongodb.com/docs/manual/reference/method/cursor.sort/
"""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.bson.values import type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import ParseContext

MAX_SORT_KEYS = 32
META_SORTS = frozenset(["textScore", "randVal", "geoNearDistance", "searchScore", "indexKey", "recordId"])


class SortPattern:
    """Fields and directions of a sort.

    `key` makes the bytes by which documents are ordered, `parts` are the (path, direction) pairs, which the planner
    compares with the indexes.
    """

    def __init__(self, parts: list[tuple[str, int]], ctx: ParseContext) -> None:
        self.parts = parts
        self.generator = KeyGenerator(parts, ctx.collation)
        self.key = self.generator.sort_key

    @classmethod
    def parse(cls, spec: dict[str, Any], ctx: ParseContext) -> SortPattern:
        """Read a sort document such as `{a: 1, "b.c": -1}`; it must not be empty.

        Raises:
            CommandError: 15974, 15975, 15976, or a path that is not one.
        """
        if not spec:
            raise CommandError(15976, "$sort stage must have at least one sort key")
        if len(spec) > MAX_SORT_KEYS:
            raise CommandError(13103, f"too many compound keys: {encode(spec)!r}")
        return cls([(path, _direction(path, value)) for path, value in spec.items() if _check_path(path)], ctx)


def _check_path(path: str) -> bool:
    if path == "":
        raise CommandError(40352, "FieldPath cannot be constructed with empty string")
    if path.endswith("."):
        raise CommandError(40353, "FieldPath must not end with a '.'.")
    if path.startswith(".") or ".." in path:
        raise CommandError(15998, "FieldPath field names may not be empty strings.")
    if "\0" in path:
        raise CommandError(16411, "FieldPath field names may not contain '\\0'.")
    if any(component.startswith("$") for component in path.split(".")):
        raise CommandError(16410, f"FieldPath field names may not start with '$'. Consider using $getField or $setField. Found '{path}'.")
    return True


def _direction(path: str, value: Any) -> int:
    if type(value) is dict:
        return _meta(path, value)
    if type(value) not in (int, Int64, float, Decimal128):
        raise CommandError(15974, f"Illegal key in $sort specification: {path}: {value!r} (a {type_name(value)})")
    number = value.to_decimal() if type(value) is Decimal128 else value
    if number not in (1, -1):
        raise CommandError(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
    return int(number)


def _meta(path: str, value: dict[str, Any]) -> int:
    if list(value) != ["$meta"]:
        raise CommandError(17312, "$meta is the only expression supported by $sort right now")
    if value["$meta"] not in META_SORTS:
        raise CommandError(31138, f"Illegal $meta sort: $meta: {value['$meta']!r}")
    raise not_supported(f"sorting by $meta ({path})", "sort by a stored field")
