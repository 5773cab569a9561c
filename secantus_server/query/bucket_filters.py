"""Translates filters on measurements to filters on the buckets that may contain matching measurements.

The planner can then find the buckets through an index if the filter has predicates on the metadata or the time field.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-secondary-index/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from secantus_server.bson.values import Date
from secantus_server.query.bucket_expressions import OtherField, draws_random, renamed_expression, renamed_path

_LOGICAL = ("$and", "$or", "$nor")
# By comparison operator: which of a bucket's bounds (`control.min`, `control.max`) the comparison restricts.
_BOUNDS = {"$gt": ("max",), "$gte": ("max",), "$lt": ("min",), "$lte": ("min",), "$eq": ("min", "max")}
_OPERATORS = {("$eq", "min"): "$lte", ("$eq", "max"): "$gte"}


class SplitFilter(NamedTuple):
    """A filter on measurements, split into a filter on buckets and a filter on the measurements in those buckets.

    Arguments:
        buckets: a filter on buckets. Every bucket with a matching measurement matches it. It is empty if all buckets may have matches.
        rest: the filter on the measurements in matching buckets. It is empty if all of these measurements match.
    """

    buckets: dict[str, Any]
    rest: dict[str, Any]


def split_filter(filter: dict[str, Any], time_field: str, meta_field: str | None) -> SplitFilter:
    """Split a valid filter on measurements into a filter on buckets and a filter on the measurements in those buckets."""
    buckets: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for clause in _clauses(filter):
        # Each measurement gets its own random number.
        moved = None if meta_field is None or draws_random(clause) else renamed(clause, meta_field)
        if moved is not None:
            buckets.append(moved)
            continue
        rest.append(clause)
        if time_field in clause:
            # Each measurement has a date in the time field, so a bucket's bounds of that field are dates.
            buckets += bounds_of(time_field, clause[time_field], only=Date)
    return SplitFilter(_all_of(buckets), _all_of(rest))


def renamed(clause: dict[str, Any], meta_field: str) -> dict[str, Any] | None:
    """Translate a filter on the metadata to the corresponding paths in buckets. Return None if the filter reads other fields."""
    found: dict[str, Any] = {}
    for name, value in clause.items():
        if name in _LOGICAL:
            parts = [renamed(part, meta_field) for part in value]
            if None in parts:
                return None
            found[name] = parts
            continue
        if name == "$expr":
            try:
                found[name] = renamed_expression(value, meta_field)
            except OtherField:
                return None
            continue
        path = renamed_path(name, meta_field)
        if path is None:
            return None
        found[path] = value
    return found


def _clauses(filter: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in filter.items():
        if name == "$and":
            for part in value:
                yield from _clauses(part)
        else:
            yield {name: value}


def bounds_of(path: str, value: Any, *, only: type | None = None) -> list[dict[str, Any]]:
    """Translate a condition on a field of the measurements to conditions on the field's minimum and maximum in a bucket.

    Arguments:
        only: the only type of operand to translate; None for all types.
    """
    conditions = value if type(value) is dict and next(iter(value), "").startswith("$") else {"$eq": value}
    found = []
    for operator, operand in conditions.items():
        if operator == "$exists" and only is None:
            found.append({f"control.min.{path}": {"$exists": operand}})
        if only is None or type(operand) is only:
            for bound in _BOUNDS.get(operator, ()):
                found.append({f"control.{bound}.{path}": {_OPERATORS.get((operator, bound), operator): operand}})
    return found


def _all_of(clauses: list[dict[str, Any]]) -> dict[str, Any]:
    if len(clauses) < 2:
        return clauses[0] if clauses else {}
    return {"$and": clauses}
