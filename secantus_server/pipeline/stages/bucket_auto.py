"""`$bucketAuto`: groups documents into a given number of ranges of about equal size.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/bucketAuto/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import compare_values, encode, is_number, key_string, type_name
from secantus_server.bson.numbers import INT32_MAX, python_number
from secantus_server.bson.values import MISSING, UNDEFINED
from secantus_server.errors import CommandError
from secantus_server.exec.sorting import too_much_to_sort
from secantus_server.mql.accumulators import Accumulator
from secantus_server.mql.context import Collation
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.pipeline.arguments import whole_number
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.memory import within_memory
from secantus_server.pipeline.preferred_numbers import Rounder, find_rounder
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.bucket import is_expression, parse_output

Item = tuple[Any, bytes]


@stage("$bucketAuto")
class BucketAuto(Stage):
    """A parsed `$bucketAuto`. `max_bytes` limits the size of the documents to sort and is None if disk use is allowed."""

    makes_many = True

    def __init__(
        self,
        group_by: Expression,
        buckets: int,
        rounder: Rounder | None,
        fields: dict[str, Accumulator],
        collation: Collation | None,
        max_bytes: int | None,
    ) -> None:
        super().__init__()
        self.group_by = group_by
        self.buckets = buckets
        self.rounder = rounder
        self.fields = fields
        self.collation = collation
        self.max_bytes = max_bytes

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> BucketAuto:
        """Parse `{$bucketAuto: {groupBy, buckets, output, granularity}}`.

        Raises:
            CommandError: 40239 to 40246, 40257, 40261 for a malformed argument, and the errors of expressions and accumulators.
        """
        if type(spec) is not dict:
            raise CommandError(40240, f"The argument to $bucketAuto must be an object, but found type: {type_name(spec)}.")
        for name, value in spec.items():
            _check_option(name, value)
        if "groupBy" not in spec or "buckets" not in spec:
            raise CommandError(40246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified.")
        rounder = find_rounder(spec["granularity"]) if "granularity" in spec else None
        if "granularity" in spec and rounder is None:
            raise CommandError(40257, f"Unknown rounding granularity '{spec['granularity']}'")
        fields = parse_output(spec.get("output") or None, ctx.parse)
        group_by = parse_expression(spec["groupBy"], ctx.parse)
        max_bytes = ctx.kept_at_most(ctx.parse.limits.bucket_auto)
        return cls(group_by, whole_number(spec["buckets"], 40242, ""), rounder, fields, ctx.parse.collation, max_bytes)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each bucket, in ascending order.

        Raises:
            CommandError: 40258 to 40260 for a value that cannot be rounded to the granularity, 292
                QueryExceededMemoryLimitNoDiskUseAllowed.
        """
        source = within_memory(source, self.max_bytes, too_much_to_sort)
        items = sorted(map(self._item, source), key=lambda item: key_string(item[0], self.collation))
        buckets = self._divide(items)
        for index, (low, high, members) in enumerate(buckets):
            if self.rounder is None and index + 1 < len(buckets):
                high = buckets[index + 1][0]
            states = [accumulator.start() for accumulator in self.fields.values()]
            for _, document in members:
                for state in states:
                    state.add(document)
            found = dict(zip(self.fields, [state.result() for state in states], strict=True))
            yield encode({"_id": {"min": low, "max": high}, **found})

    def _item(self, document: bytes) -> Item:
        value = self.group_by.evaluate(document)
        if value is MISSING or value is UNDEFINED:
            value = None
        if self.rounder is not None:
            _check_roundable(value)
        return value, document

    def _divide(self, items: list[Item]) -> list[tuple[Any, Any, list[Item]]]:
        """Divide sorted items into buckets and return the lower bound, upper bound and items of each bucket."""
        size = max(int(len(items) / self.buckets + 0.5), 1)
        buckets: list[tuple[Any, Any, list[Item]]] = []
        start = 0
        while start < len(items):
            end = len(items) if len(buckets) == self.buckets - 1 else min(start + size, len(items))
            low = items[start][0]
            if self.rounder is None:
                end = self._absorb_equal(items, end)
                high = items[end - 1][0]
            else:
                low = buckets[-1][1] if buckets else self.rounder(low, False)
                high, end = self._absorb_rounded(items, end)
            buckets.append((low, high, items[start:end]))
            start = end
        return buckets

    def _absorb_equal(self, items: list[Item], end: int) -> int:
        last = key_string(items[end - 1][0], self.collation)
        while end < len(items) and key_string(items[end][0], self.collation) == last:
            end += 1
        return end

    def _absorb_rounded(self, items: list[Item], end: int) -> tuple[Any, int]:
        """Return the rounded upper bound of a bucket, and the index of the first item beyond the bucket."""
        assert self.rounder is not None, "called with a granularity only"
        high = self.rounder(items[end - 1][0], True)
        while end < len(items) and (compare_values(items[end][0], high) < 0 or compare_values(items[end][0], items[end - 1][0]) == 0):
            end += 1
        return high, end


def _check_option(name: str, value: Any) -> None:
    if name == "groupBy":
        if not is_expression(value):
            raise CommandError(40239, "The $bucketAuto 'groupBy' field must be defined as a $-prefixed path or an expression object")
    elif name == "buckets":
        _check_buckets(value)
    elif name == "output":
        if type(value) is not dict:
            raise CommandError(40244, f"The $bucketAuto 'output' field must be an object, but found type: {type_name(value)}.")
    elif name == "granularity":
        if type(value) is not str:
            raise CommandError(40261, f"The $bucketAuto 'granularity' field must be a string, but found type: {type_name(value)}.")
    else:
        raise CommandError(40245, f"Unrecognized option to $bucketAuto: {name}.")


def _check_buckets(value: Any) -> None:
    if not is_number(value):
        raise CommandError(40241, f"The $bucketAuto 'buckets' field must be a numeric value, but found type: {type_name(value)}.")
    number = whole_number(value, 40242, "The $bucketAuto 'buckets' field must be representable as a 32-bit integer. ")
    if abs(number) > INT32_MAX:
        raise CommandError(40242, f"The $bucketAuto 'buckets' field must be representable as a 32-bit integer, but found {number}.")
    if number <= 0:
        raise CommandError(40243, f"The $bucketAuto 'buckets' field must be greater than 0, but found: {number}.")


def _check_roundable(value: Any) -> None:
    if not is_number(value):
        raise CommandError(
            40258, f"$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a value with type: {type_name(value)}"
        )
    number = python_number(value)
    if number != number:
        raise CommandError(40259, "$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a NaN")
    if number < 0:
        raise CommandError(
            40260, f"$bucketAuto can specify a 'granularity' with non-negative numbers only, but found a negative number: {value}"
        )
