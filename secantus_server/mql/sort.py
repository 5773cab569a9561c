"""Sort patterns, which are parsed once and then convert each document to a sort key of bytes.

https://www.mongodb.com/docs/manual/reference/method/cursor.sort/
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import key_string
from secantus_server.bson.numbers import quiet_decimal
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.metadata import FROM_A_SEARCH, metadatum, search_metadatum
from secantus_server.mql.expressions.paths import validate_path
from secantus_server.mql.expressions.value_text import value_text

MAX_SORT_KEYS = 32
# The metadata by which MongoDB can sort, in descending order. Scores are accepted even if the documents have none.
META_SORTS = frozenset(["textScore", "randVal", "geoNearDistance", "score", "searchScore", "vectorSearchScore"])


class SortPattern:
    """A parsed sort, which consists of fields and their directions.

    Attributes:
        key: a function that returns the sort key of a document as bytes.
        parts: the (path, direction) pairs, which the planner compares with the fields of indexes.
        has_metadata: whether the order also depends on metadata. If so, no index can provide it.
        shown: the sort document in the format of explain.
    """

    def __init__(self, parts: list[tuple[str, int]], ctx: ParseContext) -> None:
        self.parts = parts
        self.shown: dict[str, Any] = dict(parts)
        self.has_metadata = False
        self.generator = KeyGenerator(parts, ctx.collation) if parts else None
        self.key: Callable[[bytes], bytes] = self.generator.sort_key if self.generator is not None else _no_key
        self._readers = [_values_by(self.generator)] if self.generator is not None else []

    @classmethod
    def parse(cls, spec: dict[str, Any], ctx: ParseContext) -> SortPattern:
        """Parse a non-empty sort document such as `{a: 1, "b.c": -1}`.

        Raises:
            CommandError: 15974, 15975, 15976 or 13103, or the error of an invalid path.
        """
        if not spec:
            raise CommandError(15976, "$sort stage must have at least one sort key")
        parts: list[tuple[str, int]] = []
        metadata: dict[str, str] = {}
        for path, value in spec.items():
            if type(value) is dict:
                metadata[path] = _meta(value)
            else:
                parts.append((path, _direction(path, value)))
            _check_path(path)
        if len(parts) > MAX_SORT_KEYS:
            raise CommandError(13103, f"too many compound keys: {value_text(spec)}")
        pattern = cls(parts, ctx)
        if metadata:
            pattern._add_metadata(spec, metadata, ctx)
        return pattern

    def values(self, document: bytes) -> list[Any]:
        """Return the values by which a document is sorted. `{$meta: "sortKey"}` returns these values."""
        return [value for read in self._readers for value in read(document)]

    def _add_metadata(self, spec: dict[str, Any], metadata: dict[str, str], ctx: ParseContext) -> None:
        """Extend the sort key by the metadata that a sort document refers to.

        Arguments:
            spec: the sort document.
            metadata: the keyword of `$meta` for each path that has one.
            ctx: the parse context, which contains the metadata.

        Raises:
            CommandError: 40218 if the documents do not have the metadata.
        """
        keys: list[Callable[[bytes], bytes]] = []
        self._readers = []
        for path, value in spec.items():
            if path not in metadata:
                generator = KeyGenerator([(path, _direction(path, value))], ctx.collation)
                keys.append(generator.sort_key)
                self._readers.append(_values_by(generator))
            else:
                expression = _metadatum(metadata[path], ctx)
                keys.append(_descending(expression))
                self._readers.append(_value_of(expression))
        self.has_metadata = True
        self.shown = {path: value if path in metadata else _direction(path, value) for path, value in spec.items()}
        self.key = lambda document: b"".join([key(document) for key in keys])


def _metadatum(keyword: str, ctx: ParseContext) -> Expression:
    return search_metadatum(keyword, ctx) if keyword in FROM_A_SEARCH else metadatum(keyword, ctx)


def _no_key(_document: bytes) -> bytes:
    return b""


def _values_by(generator: KeyGenerator) -> Callable[[bytes], list[Any]]:
    """Return a function that maps a document to the values of its smallest sort key."""
    return lambda document: generator.values_of(document, generator.sort_key(document))


def _value_of(expression: Expression) -> Callable[[bytes], list[Any]]:
    return lambda document: [_or_null(expression.evaluate(document))]


def _descending(expression: Expression) -> Callable[[bytes], bytes]:
    """Return a function that computes a document's sort key. The keys sort documents by the expression's value in descending order."""
    return lambda document: key_string(_or_null(expression.evaluate(document))).translate(_INVERTED)


_INVERTED = bytes(range(255, -1, -1))


def _or_null(value: Any) -> Any:
    return None if value is MISSING else value


def _check_path(path: str) -> None:
    if path == "":
        raise CommandError(40352, "FieldPath cannot be constructed with empty string")
    validate_path(path)


def _direction(path: str, value: Any) -> int:
    if type(value) not in (int, Int64, float, Decimal128):
        raise CommandError(15974, f"Illegal key in $sort specification: {path}: {value_text(value)}")
    direction = _whole(value)
    if direction not in (1, -1):
        raise CommandError(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
    return direction


def _whole(value: Any) -> int:
    """Convert a number to an integer: truncate a double, and round a decimal with ties to even. Return 0 if the number is not finite."""
    if type(value) is Decimal128:
        number = quiet_decimal(value)
        return round(number) if number.is_finite() else 0
    return int(value) if math.isfinite(value) else 0


def _meta(value: dict[str, Any]) -> str:
    """Validate `{$meta: keyword}` in a sort document and return the keyword."""
    if next(iter(value), None) != "$meta":
        raise CommandError(17312, "$meta is the only expression supported by $sort right now")
    if len(value) > 1:
        raise CommandError(9, f"Cannot have additional keys in a $meta sort specification: {value_text(value)}")
    name = value["$meta"]
    if type(name) is not str or name not in META_SORTS:
        raise CommandError(31138, f"Illegal $meta sort: $meta: {value_text(name)}")
    return name
