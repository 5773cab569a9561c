"""`$densify`: fills the gaps in a sequence of numbers or dates with new documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/densify/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from secantus_server.bson import compare_values, decode_stored, encode, is_number, key_string, type_name
from secantus_server.bson.values import MISSING, Date
from secantus_server.errors import CommandError
from secantus_server.exec.sorting import too_much_to_sort
from secantus_server.mql.context import Collation
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.expressions._nodes import Expression, get_path
from secantus_server.mql.expressions.dates.add import add_units
from secantus_server.mql.expressions.dates.timezones import find_timezone
from secantus_server.mql.expressions.dates.units import LENGTHS, MONTHS
from secantus_server.mql.expressions.numbers._arithmetic import add, multiply
from secantus_server.mql.expressions.paths import reads_time
from secantus_server.pipeline._fields import FieldSetter
from secantus_server.pipeline.arguments import check_path, named_fields, whole_number
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.memory import within_memory
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage

MAX_DATE_MS = 2**63 - 1

FIELDS: dict[str, tuple[str, ...]] = {"field": ("string",), "partitionByFields": ("array",), "range": ("object",)}
RANGE_FIELDS: dict[str, tuple[str, ...]] = {"step": (), "unit": ("string",), "bounds": ()}
MAX_GENERATED = 500_000
EMPTY_DOCUMENT = encode({})


@dataclass(frozen=True)
class Range:
    """The grid of values that `$densify` fills in.

    Arguments:
        step: the distance between two values.
        unit: the time unit of the step, or None for numbers.
        mode: `full`, `partition` or `explicit`.
        low, high: the explicit bounds; the upper bound is exclusive.
    """

    step: Any
    unit: str | None
    mode: str
    low: Any = None
    high: Any = None

    def value(self, start: Any, index: int) -> Any:
        """Return the grid value that is `index` steps after `start`."""
        if self.unit is None:
            return start if index == 0 else add(start, multiply(self.step, index))
        return Date(add_units(start.ms, self.unit, int(self.step) * index, find_timezone("UTC")))

    def check(self, value: Any) -> None:
        """Raise if a document's value has a different type from the grid's values.

        Raises:
            CommandError: 6053600 for a number on a date grid, 6586400 for a date on a numeric grid, 5733201 for other types.
        """
        if type(value) is Date:
            if self.unit is None:
                raise CommandError(6586400, "Encountered non-numeric densify value in collection when step does not have a date unit.")
        elif not is_number(value):
            raise CommandError(5733201, f"Densify field type must be numeric or a date, but found {type_name(value)}")
        elif self.unit is not None:
            raise CommandError(6053600, "Encountered numeric densify value in collection when step has a date unit.")


class _Item(NamedTuple):
    """An input document. `value` is the value of the field to densify."""

    partition: bytes
    value: Any
    fields: dict[str, Any]
    document: bytes

    @property
    def is_loose(self) -> bool:
        """Whether the document has no value to densify by, so that it passes unchanged."""
        return self.value is MISSING or self.value is None


class _Partition:
    """The grid values of a partition that no document has reached yet. `template` has the partition fields of the first document."""

    def __init__(self, grid: Iterator[Any], template: bytes) -> None:
        self.grid = grid
        self.template = template
        self.following = next(grid, MISSING)

    def before(self, value: Any) -> Iterator[Any]:
        """Yield the grid values below a document's value, and skip an equal one."""
        while self.following is not MISSING and (order := compare_values(self.following, value)) <= 0:
            if order < 0:
                yield self.following
            self.following = next(self.grid, MISSING)

    def rest(self) -> Iterator[Any]:
        """Yield the grid values after the last document."""
        while self.following is not MISSING:
            yield self.following
            self.following = next(self.grid, MISSING)


@stage("$densify")
class Densify(Stage):
    """A parsed `$densify`. `max_bytes` limits the size of the documents to sort and is None if disk use is allowed."""

    makes_many = True

    def __init__(self, field: str, partition_by: list[str], range: Range, collation: Collation | None, max_bytes: int | None) -> None:
        super().__init__()
        self.field = field
        self.names = tuple(field.split("."))
        self.partition_by = partition_by
        self.range = range
        self.collation = collation
        self.max_bytes = max_bytes
        self.setter = FieldSetter(field)
        self.generated = 0

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Densify:
        """Parse `{$densify: {field, partitionByFields, range: {step, unit, bounds}}}`.

        Raises:
            CommandError: 9, 14, 40414, 40415, 5733401 to 5733409, 5946802 and 8993000 for a malformed argument.
        """
        if type(spec) is not dict:
            raise CommandError(9, f"The $densify stage specification must be an object, found {type_name(spec)}")
        fields = named_fields("$densify", spec, FIELDS, ("field", "range"))
        if fields["field"].startswith("$"):
            raise CommandError(
                16410, f"FieldPath field names may not start with '$'. Consider using $getField or $setField. Found '{fields['field']}'."
            )
        check_path(fields["field"])
        partition_by = fields.get("partitionByFields", [])
        for path in partition_by:
            if type(path) is not str:
                raise CommandError(
                    14, f"BSON field '$densify.partitionByFields' is the wrong type '{type_name(path)}', expected type 'string'"
                )
            check_path(path)
            _check_overlap(fields["field"], path)
        grid = _parse_range(fields["range"], bool(partition_by), ctx)
        return cls(fields["field"], partition_by, grid, ctx.parse.collation, ctx.kept_at_most(ctx.parse.limits.sort))

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the input documents and the new documents.

        The order is MongoDB's: by field for the range `full`, by partition and field for the others. The documents after the last one
        of each partition come at the end.

        Raises:
            CommandError: 5897900 for too many new documents, 292 QueryExceededMemoryLimitNoDiskUseAllowed, and the errors of
                `Range.check`.
        """
        documents = [
            _Item(self._partition(fields), get_path(fields, self.names), fields, document)
            for document in within_memory(source, self.max_bytes, too_much_to_sort)
            for fields in [decode_stored(document)]
        ]
        for item in documents:
            if not item.is_loose:
                self.range.check(item.value)
        by_partition = self.range.mode != "full"
        documents.sort(key=lambda item: (item.partition if by_partition else b"", b"" if item.is_loose else key_string(item.value)))
        self.generated = 0
        yield from self._densify(documents)

    def _partition(self, fields: dict[str, Any]) -> bytes:
        return (
            key_string([get_path(fields, tuple(path.split("."))) for path in self.partition_by], self.collation)
            if self.partition_by
            else b""
        )

    def _densify(self, documents: list[_Item]) -> Iterator[bytes]:
        placed = [item.value for item in documents if not item.is_loose]
        low, high = self.range.low, self.range.high
        if self.range.mode == "full" and placed:
            low, high = placed[0], placed[-1]
        partitions: dict[bytes, _Partition] = {}
        if not placed and self.range.mode == "explicit" and not self.partition_by:
            partitions[b""] = _Partition(self._grid(low, high), EMPTY_DOCUMENT)
        for item in documents:
            if not item.is_loose:
                partition = partitions.get(item.partition)
                if partition is None:
                    grid = self._grid(item.value, None) if self.range.mode == "partition" else self._grid(low, high)
                    partition = partitions[item.partition] = _Partition(grid, self._template(item.fields))
                yield from self._fill(partition, item)
            yield item.document
        if self.range.mode != "partition":
            for partition in partitions.values():
                yield from (self._new(partition.template, value) for value in partition.rest())

    def _fill(self, partition: _Partition, item: _Item) -> Iterator[bytes]:
        """Yield new documents for the grid values between the partition's last document and this one.

        A new document copies the partition fields of the next document, or of the first document if none follows. The choice is visible,
        because the partition fields of a partition's documents may differ in type or in ways that the collation ignores.
        """
        template = b""
        for value in partition.before(item.value):
            template = template or self._template(item.fields)
            yield self._new(template, value)

    def _grid(self, low: Any, high: Any) -> Iterator[Any]:
        """Yield the grid values from `low` to `high`, or without an end if that is None. An explicit upper bound is exclusive."""
        last = -1 if self.range.mode == "explicit" else 0
        index = 0
        while not _is_beyond_dates(value := self.range.value(low, index)) and (high is None or compare_values(value, high) <= last):
            yield value
            index += 1

    def _template(self, fields: dict[str, Any]) -> bytes:
        document = EMPTY_DOCUMENT
        for path in self.partition_by:
            document = FieldSetter(path).set(document, get_path(fields, tuple(path.split("."))))
        return document

    def _new(self, template: bytes, value: Any) -> bytes:
        self.generated += 1
        if self.generated > MAX_GENERATED:
            raise CommandError(
                5897900,
                f"Generated {self.generated} documents in $densify, which is over the limit of {MAX_GENERATED}. Increase the "
                "'internalQueryMaxAllowedDensifyDocs' parameter to allow more generated documents",
            )
        return self.setter.set(template, value)


def _check_overlap(field: str, path: str) -> None:
    if field == path or field.startswith(path + ".") or path.startswith(field + "."):
        raise CommandError(
            8993000, "BSON field '$densify.partitionByFields' contains a field that is a prefix of 'field', or the other way round"
        )


def _parse_range(spec: dict[str, Any], partitioned: bool, ctx: PipelineContext) -> Range:
    fields = named_fields("$densify.range", spec, RANGE_FIELDS, ("step", "bounds"))
    step, unit = fields["step"], fields.get("unit")
    if not is_number(step) or compare_values(step, 0) <= 0:
        raise CommandError(5733401, "The step parameter in a range statement must be a strictly positive numeric value")
    if unit is not None:
        if unit not in LENGTHS and unit not in MONTHS:
            raise CommandError(9, f"Unknown time unit value: {unit}")
        whole_number(step, 6586400, "The step parameter in a range statement must be a whole number when densifying a date range. ")
    bounds = fields["bounds"]
    if type(bounds) is str:
        return _named_range(bounds, step, unit, partitioned)
    if type(bounds) is not list:
        raise CommandError(
            5946801,
            "The bounds in a range statement must be the string 'full', 'partition', or an ascending array of two numbers or two dates",
        )
    return _explicit_range(bounds, step, unit, ctx)


def _named_range(bounds: str, step: Any, unit: str | None, partitioned: bool) -> Range:
    if bounds not in ("full", "partition"):
        raise CommandError(5946802, "Bounds string must either be 'full' or 'partition'")
    if bounds == "partition" and not partitioned:
        raise CommandError(5733409, "If 'partition' is specified for bounds, 'partitionByFields' must be too")
    return Range(step, unit, bounds)


def _explicit_range(bounds: list[Any], step: Any, unit: str | None, ctx: PipelineContext) -> Range:
    if len(bounds) != 2:
        raise CommandError(5733403, "A bounding array in a range statement must have exactly two elements")
    if any(map(reads_time, bounds)):
        raise CommandError(5733402, "A bounding array must hold constants")
    expressions: list[Expression] = [parse_expression(bound, ctx.parse) for bound in bounds]
    low, high = (expression.evaluate(EMPTY_DOCUMENT) for expression in expressions)
    if unit is None and not (is_number(low) and is_number(high)):
        raise CommandError(5733406, "A bounding array must contain two numbers, or two dates together with a unit")
    if unit is not None and not (type(low) is Date and type(high) is Date):
        raise CommandError(5733408, "A bounding array must contain two dates if a unit is specified")
    if compare_values(low, high) > 0:
        raise CommandError(5733402, "A bounding array must be ascending")
    return Range(step, unit, "explicit", low, high)


def _is_beyond_dates(value: Any) -> bool:
    """Return whether a grid value is later than the last date whose milliseconds fit into 64 bits. No document has such a value."""
    return type(value) is Date and value.ms > MAX_DATE_MS
