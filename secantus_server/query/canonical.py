"""What a query asks for, parsed: the same for find, count, distinct, update, delete and the head of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.bson.values import Date, is_number
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.sort import SortPattern


@dataclass
class CanonicalQuery:
    """A parsed query.

    Arguments:
        filter: as the user wrote it.
        match: the match expression of it, or None where it asks for everything.
        context: the surroundings it was parsed in.
        sort: the pattern, or None.
        natural: 1 or -1 where the user asked for the natural order, else 0.
        required_fields: the only top-level fields that the result needs, or None for whole documents.
        hint: an index's name or key pattern, or None.
        skip, limit: 0 is none; a planner may use the limit, the caller applies both.
        min, max: values of the hinted index's fields between which its entries are read, or None.
        tailing: the documents do not end where they end now.
        return_key, show_record_id: what a find gives in place of the document, or beside it.
        sort_bytes: the most bytes of documents that a sort may keep; None where it may use the disk for more.
    """

    filter: dict[str, Any]
    match: Any
    context: ParseContext
    sort: SortPattern | None = None
    natural: int = 0
    required_fields: frozenset[str] | None = None
    hint: str | dict[str, Any] | None = None
    skip: int = 0
    limit: int = 0
    min: dict[str, Any] | None = None
    max: dict[str, Any] | None = None
    tailing: bool = False
    return_key: bool = False
    show_record_id: bool = False
    sort_bytes: int | None = None


# Values of these types equal nothing but themselves, whatever the document: no array, no regular expression, no null.
_PLAIN_TYPES = frozenset([int, Int64, float, str, ObjectId, bool, Date, Binary])


class PointQuery(CanonicalQuery):
    """A query for the documents that have one plain value at one field; its match expression is only made if somebody asks for it.

    Arguments:
        path: the field, at the top level.
        value: what it is to equal.
    """

    def __init__(self, filter: dict[str, Any], path: str, value: Any, context: ParseContext) -> None:
        self.filter = filter
        self.path = path
        self.value = value
        self.context = context
        self._match: Any = None

    @property
    def match(self) -> Any:
        """The match expression of the filter."""
        if self._match is None:
            self._match = parse_match(self.filter, self.context)
        return self._match


def _point_query(filter: dict[str, Any], ctx: ParseContext) -> PointQuery | None:
    """The query of a filter that is exactly `{field: value}` with a plain value; nothing in such a filter can be wrong."""
    if len(filter) != 1 or ctx.collation is not None:
        return None
    ((path, value),) = filter.items()
    if type(value) in _PLAIN_TYPES and path.isidentifier():
        return PointQuery(filter, path, value, ctx)
    return None


def parse_query(
    filter: dict[str, Any],
    ctx: ParseContext,
    *,
    sort: dict[str, Any] | None = None,
    hint: str | dict[str, Any] | None = None,
    skip: int = 0,
    limit: int = 0,
    required_fields: frozenset[str] | None = None,
    min: dict[str, Any] | None = None,
    max: dict[str, Any] | None = None,
    tailing: bool = False,
) -> CanonicalQuery:
    """Parse a filter and a sort.

    Raises:
        CommandError: one of them is not valid.
    """
    point = None if sort or hint or min or max or tailing else _point_query(filter, ctx)
    if point is not None:
        point.skip, point.limit, point.required_fields = skip, limit, required_fields
        return point
    match = parse_match(filter, ctx) if filter else None
    pattern, natural = None, 0
    if sort:
        natural = natural_direction(sort, "sort")
        pattern = None if natural else SortPattern.parse(sort, ctx)
    if type(hint) is dict and "$natural" in hint:
        natural = natural or natural_direction(hint, "hint")
        hint = None
    return CanonicalQuery(filter, match, ctx, pattern, natural, required_fields, hint, skip, limit, min, max, tailing)


def natural_direction(spec: dict[str, Any], option: str) -> int:
    """1 or -1 where a sort or a hint asks for the natural order, else 0.

    Raises:
        CommandError: 2 BadValue, it asks for something else too, or for no direction.
    """
    if "$natural" not in spec:
        return 0
    if len(spec) > 1:
        raise CommandError(2, f"$natural {option} cannot be set to a value other than -1 or 1, or be combined with other fields.")
    direction = spec["$natural"]
    if not is_number(direction) or whole_value(direction) not in (1, -1):
        raise CommandError(2, f"$natural {option} cannot be set to a value other than -1 or 1.")
    return int(whole_value(direction))


def whole_value(number: Any) -> Any:
    """A number as one that Python compares."""
    return number.to_decimal() if type(number) is Decimal128 else number
