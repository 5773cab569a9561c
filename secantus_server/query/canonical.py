"""The canonical query, which is a command's parsed query.

The command is a find, count, distinct, update, delete, or an aggregate whose leading stages form a query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson.binary import Binary
from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.bson.numbers import python_number
from secantus_server.bson.values import Date, is_number
from secantus_server.errors import CommandError
from secantus_server.exec.spilling import Spill
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.metadata import Metadata
from secantus_server.mql.sort import SortPattern


@dataclass
class CanonicalQuery:
    """A parsed query.

    Arguments:
        filter: the filter as the user wrote it.
        match: the filter's match expression, or None if every document matches.
        context: the parse context of the filter.
        sort: the sort pattern, or None.
        natural: 1 or -1 if the user requested natural order in that direction, else 0.
        required_fields: the top-level fields that the result needs, or None for whole documents.
        hint: an index's name or key pattern, or None.
        skip, limit: 0 means none. The planner may use the limit, but the caller applies both.
        min, max: the bounds for the scan of the hinted index, as values of the index's fields, or None.
        tailing: whether the cursor is tailable.
        return_key, show_record_id: the options `returnKey` and `showRecordId` of find.
        sort_bytes: the memory limit of a sort that may not use the disk, or None.
        sort_spill: the memory limit and the files of a sort that may use the disk, or None.
        projection: the projection of find, which is a part of the query's shape.
        consumer: the name of the pipeline stage that reads the query's results and is a part of its plan cache shape, or "".
        rivals: the number of plans from which the planner chose, or 0 if there was only one plan.
        is_cached: whether the query's plan may be added to the plan cache.
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
    sort_spill: Spill | None = None
    projection: dict[str, Any] | None = None
    consumer: str = ""
    rivals: int = 0
    is_cached: bool = True

    @property
    def wanted_metadata(self) -> Metadata | None:
        """The document metadata that the query needs, or None if it needs none."""
        metadata = self.context.metadata
        return metadata if metadata is not None and metadata.wanted else None


# Types whose values match only by equality, unlike arrays, regular expressions and null.
_PLAIN_TYPES = frozenset([int, Int64, float, str, ObjectId, bool, Date, Binary])


class PointQuery(CanonicalQuery):
    """A query whose filter is an equality between one field and a plain value. The match expression is only parsed on demand.

    Arguments:
        path: the top-level field.
        value: the value.
    """

    def __init__(self, filter: dict[str, Any], path: str, value: Any, context: ParseContext) -> None:
        self.filter = filter
        self.path = path
        self.value = value
        self.context = context
        self._match: Any = None

    @property
    def match(self) -> Any:
        """The match expression of the filter, parsed on the first access."""
        if self._match is None:
            self._match = parse_match(self.filter, self.context)
        return self._match


def plain_equality(filter: dict[str, Any]) -> bool:
    """Return whether a filter is `{field: value}` with a top-level field and a plain value. Such a filter needs no validation."""
    if len(filter) != 1:
        return False
    ((path, value),) = filter.items()
    return type(value) in _PLAIN_TYPES and path.isidentifier()


def _point_query(filter: dict[str, Any], ctx: ParseContext) -> PointQuery | None:
    """Return the query if the filter is a plain equality that is compared without a collation, else None."""
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
    """Parse a filter, a sort and the other options of a query.

    Raises:
        CommandError: the filter or the sort is invalid.
    """
    point = None if sort or hint or min or max or tailing else _point_query(filter, ctx)
    if point is not None:
        if skip:
            point.skip = skip
        if limit:
            point.limit = limit
        if required_fields is not None:
            point.required_fields = required_fields
        return point
    if sort:
        follow_metadata(ctx, sort)
    match = parse_match(filter, ctx) if filter else None
    pattern, natural = None, 0
    if sort:
        natural = natural_direction(sort, "sort")
        pattern = None if natural else SortPattern.parse(sort, ctx)
    if type(hint) is dict and "$natural" in hint:
        natural = natural or natural_direction(hint, "hint")
        hint = None
    return CanonicalQuery(filter, match, ctx, pattern, natural, required_fields, hint, skip, limit, min, max, tailing)


def single_sort(filter: dict[str, Any], sort: dict[str, Any], hint: Any, ctx: ParseContext) -> dict[str, Any]:
    """Return the sort of a statement that changes one document. It is empty, and so is not parsed, if the filter is an equality on `_id`.

    A sort whose keys a projection shows stays.
    """
    if hint or ctx.metadata is not None or len(filter) != 1:
        return sort
    value = filter.get("_id", [])
    if type(value) is dict and value.keys() == {"$eq"}:
        value = value["$eq"]
    return {} if type(value) in _PLAIN_TYPES else sort


def follow_metadata(ctx: ParseContext, *specs: dict[str, Any] | None) -> None:
    """Set up a parse context for projections and sorts that may contain `$meta`.

    Call this function before parsing the filter. `$text` and `$near` then register in the context which metadata they produce. For speed,
    only the top levels of the projections and sorts are examined.
    """
    if ctx.metadata is None and any(dict in map(type, spec.values()) for spec in specs if spec):
        ctx.metadata = Metadata()


def natural_direction(spec: dict[str, Any], option: str) -> int:
    """Return the direction (1 or -1) of `{$natural: direction}`, given as a sort or hint. Return 0 for any other sort or hint.

    Raises:
        CommandError: 2 BadValue if $natural is combined with other fields or its direction is invalid.
    """
    if "$natural" not in spec:
        return 0
    if len(spec) > 1:
        raise CommandError(2, f"$natural {option} cannot be set to a value other than -1 or 1, or be combined with other fields.")
    direction = spec["$natural"]
    if not is_number(direction) or python_number(direction) not in (1, -1):
        raise CommandError(2, f"$natural {option} cannot be set to a value other than -1 or 1.")
    return int(python_number(direction))


def same_pattern(key: dict[str, Any], hint: Any) -> bool:
    """Return whether a hint is equal to an index's key pattern, including the order of its fields."""
    if any(type(value) is bool for value in hint.values()):
        return False
    mine = [(path, python_number(value)) for path, value in key.items()]
    return mine == [(path, python_number(value)) for path, value in hint.items()]
