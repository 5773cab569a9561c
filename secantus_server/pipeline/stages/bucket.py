"""`$bucket`: groups documents into ranges between given boundaries.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/bucket/
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import canonical_type, encode, key_string, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.accumulators import Accumulator
from secantus_server.mql.context import Collation, ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions.paths import reads_time
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.handed_over import BUILDING, handed_over
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages._group import GroupMemory
from secantus_server.pipeline.stages.group import check_output_name, parse_accumulated_field

EMPTY_DOCUMENT = encode({})
NO_DEFAULT = object()


@dataclass(frozen=True)
class Boundaries:
    """The boundaries of a `$bucket` in ascending order, and the `_id` of the default bucket for values outside them."""

    values: list[Any]
    keys: list[bytes]
    default: Any
    collation: Collation | None

    def place(self, value: Any) -> Any:
        """Return the `_id` of a value's bucket: its lower boundary, or the `_id` of the default bucket.

        Raises:
            CommandError: 40066 if the value is outside the boundaries and there is no default bucket.
        """
        index = bisect_right(self.keys, key_string(value, self.collation)) - 1
        if 0 <= index < len(self.keys) - 1:
            return self.values[index]
        if self.default is NO_DEFAULT:
            raise CommandError(40066, "$switch could not find a matching branch for an input, and no default was specified.")
        return self.default


@stage("$bucket")
class Bucket(Stage):
    """A parsed `$bucket`. Its memory limit `max_bytes` is None if disk use is allowed."""

    makes_many = True

    def __init__(self, group_by: Expression, boundaries: Boundaries, fields: dict[str, Accumulator], max_bytes: int | None) -> None:
        super().__init__()
        self.group_by = group_by
        self.boundaries = boundaries
        self.fields = fields
        self.max_bytes = max_bytes
        self.hands_over = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Bucket:
        """Parse `{$bucket: {groupBy, boundaries, default, output}}`.

        Raises:
            CommandError: 40191 to 40202 for a malformed argument, 15948 for an output field `_id`, and the errors of expressions and
                accumulators.
        """
        if type(spec) is not dict:
            raise CommandError(40201, f"Argument to $bucket stage must be an object, but found type: {type_name(spec)}.")
        for name, value in spec.items():
            _check_option(name, value)
        if "groupBy" not in spec or "boundaries" not in spec:
            raise CommandError(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
        boundaries = _parse_boundaries(spec, ctx.parse)
        fields = parse_output(spec.get("output"), ctx.parse)
        for name in fields:
            # MongoDB runs a $bucket as a $group, whose rules therefore apply.
            check_output_name(name, ctx.parse)
        if "_id" in fields:
            raise CommandError(15948, "a group's _id may only be specified once")
        return cls(parse_expression(spec["groupBy"], ctx.parse), boundaries, fields, ctx.kept_at_most(ctx.parse.limits.group))

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each non-empty bucket, in ascending order of `_id`.

        Raises:
            CommandError: 40066 if a value is outside the boundaries and there is no default bucket, 292
                QueryExceededMemoryLimitNoDiskUseAllowed.
        """
        buckets: dict[bytes, tuple[Any, list[Any]]] = {}
        place = self.boundaries.place
        evaluate = self.group_by.evaluate
        memory = GroupMemory(sys.maxsize if self.max_bytes is None else self.max_bytes)
        for document in source:
            value = place(evaluate(document))
            key = key_string(value)
            if key not in buckets:
                buckets[key] = value, [accumulator.start() for accumulator in self.fields.values()]
                memory.begin(*buckets[key])
            memory.feed(buckets[key][1], document)
        for key in sorted(buckets):
            value, states = buckets[key]
            results = dict(zip(self.fields, [state.result() for state in states], strict=True))
            yield encode(self._handed_over(value, results) if self.hands_over else {"_id": value, **results})

    def hand_over(self) -> None:
        """Enable the type conversion of results (see `handed_over`), because MongoDB runs a `$bucket` as a group followed by a sort."""
        self.hands_over = True

    def _handed_over(self, value: Any, results: dict[str, Any]) -> dict[str, Any]:
        fields = self.fields.items()
        return {
            "_id": handed_over(value),
            **{name: handed_over(results[name], built=accumulator.name in BUILDING) for name, accumulator in fields},
        }


def is_expression(spec: Any) -> bool:
    """Return whether the value of `groupBy` is a field path or an expression object."""
    return (type(spec) is str and spec.startswith("$")) or (type(spec) is dict and bool(spec))


def parse_output(spec: dict[str, Any] | None, ctx: ParseContext) -> dict[str, Accumulator]:
    """Parse the option `output` and return its accumulators by field name. The default is `count`.

    Raises:
        CommandError: the errors of `parse_accumulated_field`.
    """
    return {name: parse_accumulated_field(name, value, ctx) for name, value in ({"count": {"$sum": 1}} if spec is None else spec).items()}


def _check_option(name: str, value: Any) -> None:
    if name == "groupBy":
        if not is_expression(value):
            raise CommandError(40202, "The $bucket 'groupBy' field must be defined as a $-prefixed path or an expression")
    elif name == "boundaries":
        if type(value) is not list:
            raise CommandError(40200, f"The $bucket 'boundaries' field must be an array, but found type: {type_name(value)}.")
    elif name == "output":
        if type(value) is not dict:
            raise CommandError(40196, f"The $bucket 'output' field must be an object, but found type: {type_name(value)}.")
    elif name != "default":
        raise CommandError(40197, f"Unrecognized option to $bucket: {name}.")


def _constant(spec: Any, ctx: ParseContext, code: int, message: str) -> Any:
    expression = parse_expression(spec, ctx)
    if not expression.is_constant or reads_time(spec):
        raise CommandError(code, message)
    return expression.evaluate(EMPTY_DOCUMENT)


def _parse_boundaries(spec: dict[str, Any], ctx: ParseContext) -> Boundaries:
    message = "The $bucket 'boundaries' field must be an array of constant values."
    values = [_constant(item, ctx, 40191, message) for item in spec["boundaries"]]
    if len(values) < 2:
        raise CommandError(40192, f"The $bucket 'boundaries' field must have at least 2 values, but found {len(values)} value(s).")
    keys = [key_string(value, ctx.collation) for value in values]
    for index in range(1, len(values)):
        if canonical_type(values[index]) != canonical_type(values[index - 1]):
            raise CommandError(
                40193,
                "All values in the the 'boundaries' option to $bucket must have the same type. Found conflicting types: "
                f"{type_name(values[index - 1])} and {type_name(values[index])}.",
            )
        if keys[index] <= keys[index - 1]:
            raise CommandError(40194, "The 'boundaries' option to $bucket must be sorted, but elements are not in ascending order.")
    return Boundaries(values, keys, _parse_default(spec, values, keys, ctx), ctx.collation)


def _parse_default(spec: dict[str, Any], values: list[Any], keys: list[bytes], ctx: ParseContext) -> Any:
    if "default" not in spec:
        return NO_DEFAULT
    default = _constant(spec["default"], ctx, 40195, "The $bucket 'default' field must be a constant expression.")
    if canonical_type(default) == canonical_type(values[0]) and keys[0] <= key_string(default, ctx.collation) < keys[-1]:
        raise CommandError(
            40199, "The $bucket 'default' field must be less than the lowest boundary or greater than or equal to the highest boundary."
        )
    return default
